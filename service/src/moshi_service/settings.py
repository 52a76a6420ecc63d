"""The settings that both services have, their checks, and the one line that explains a wrong value."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

from platformdirs import user_state_path
from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from moshi_service.errors import InvalidValue, Problem, StartupError
from moshi_service.errors import start as errors
from moshi_service.network.addresses import Networks
from moshi_service.origins import parse_host_pattern, parse_origin


def check_token(token: SecretStr) -> SecretStr:
    """A token that a header can carry.

    Raises:
        InvalidValue: the token is empty, or has characters that a header cannot carry. An empty one would turn
            authentication off without a word.
    """
    value = token.get_secret_value()
    if not value:
        raise InvalidValue(errors.token_empty())
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise InvalidValue(errors.token_unsendable())
    return token


def check_networks(listed: str) -> str:
    """Addresses and networks, with commas.

    Raises:
        InvalidValue: an entry is neither, and would be ignored without a word.
    """
    Networks(listed)
    return listed


def check_file(path: Path) -> Path:
    """An ordinary file.

    Raises:
        InvalidValue: there is none, or this process may not look.
    """
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        raise InvalidValue(errors.file_missing())
    return path


def explain(error: ValidationError, model: type[BaseModel], prefix: str) -> Problem:
    """The problem of the first wrong setting: its variable, its value, the reason, and what it takes.

    A value that may be one of several things fails as each of them. The last of these errors is about the most general
    one: for `auto` or a number, it is about the number. A secret is not shown.
    """
    found = error.errors()
    if not found[0]["loc"]:
        return _reason(found[0])
    field = str(found[0]["loc"][0])
    name = next((name for name, info in model.model_fields.items() if field in (name, info.validation_alias)), field)
    about = [one for one in found if one["loc"][0] == field][-1]
    info = model.model_fields[name]
    variable = str(info.validation_alias or f"{prefix}{name.upper()}")
    value = "(secret)" if name in ("api_token", "api_keys") else shortened(repr(found[0]["input"]))
    takes = " ".join((info.description or "").split())
    why = _reason(about)
    return errors.setting_invalid(variable, value, replace(why, text=shortened(why.text, 300)), takes)


def _reason(found: ErrorDetails) -> Problem:
    cause = found.get("ctx", {}).get("error")
    if isinstance(cause, InvalidValue):
        return cause.problem
    return Problem(errors.setting_invalid.code, found["msg"])


def shortened(text: str, most: int = 100) -> str:
    """The text, without its middle if it has more characters than `most`."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"


Origin = Annotated[str, AfterValidator(parse_origin)]
HostPattern = Annotated[str, AfterValidator(parse_host_pattern)]
NetworkList = Annotated[str, AfterValidator(check_networks)]
ExistingFile = Annotated[Path, AfterValidator(check_file)]
Token = Annotated[SecretStr, AfterValidator(check_token)]


class ServiceSettings(BaseSettings):
    """The base of a service's `Settings`, which set `env_prefix` and the defaults of `port` and `tls`."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True, frozen=True)

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on. `0.0.0.0` or `::` for every interface."""

    port: int = Field(default=0, ge=0, le=65535)
    """Port to listen on, 0 to 65535. 0 takes any free one."""

    tls: Literal["off", "auto", "files"] = "off"
    """`auto` makes a certificate on first run. `files` takes the two files below. `off` is plain HTTP."""

    tls_cert: ExistingFile | None = None
    """PEM file with the certificate (chain), for `files`."""

    tls_key: ExistingFile | None = None
    """PEM file with its private key, for `files`."""

    tls_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Further names or addresses for the automatic certificate, separated by commas."""

    connections_per_address: int = Field(default=0, ge=0)
    """Connections of one address at the same time, 0 for any number."""

    connects_per_minute: int = Field(default=0, ge=0)
    """New connections of one address in a minute, 0 for any number."""

    trusted_proxies: NetworkList = "127.0.0.1"
    """Addresses or networks, with commas, whose `X-Forwarded-For` and `-Proto` are believed; empty for none.
    `*` believes every client, which can then claim any address and so evade the limits of an address."""

    allowed_origins: Annotated[tuple[Origin, ...], NoDecode] = ()
    """Origins besides the service's own that a browser may connect from, e.g. `https://talk.example`;
    separated by commas."""

    allowed_hosts: Annotated[tuple[HostPattern, ...], NoDecode] = ()
    """Public names by which the service may be called, e.g. `talk.example` or `*.talk.example`; separated by commas;
    `*` for every name. Addresses, private names, and the names of certificate and allowed origins need no entry."""

    log_format: Literal["text", "json"] = "text"
    """Lines on stderr: `text` for people, `json` for machines. OTEL_* variables send logs, metrics and traces away."""

    state_dir: Path = Field(default_factory=lambda: user_state_path("scenario6"))
    """Folder of the automatic certificate. Both services need the same folder to have the same certificate."""

    @field_validator("tls_hosts", "allowed_hosts", "allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _files_are_named(self) -> Self:
        if self.tls == "files" and (self.tls_cert is None or self.tls_key is None):
            raise InvalidValue(errors.certificate_files_unnamed(self.prefix()))
        return self

    @classmethod
    def prefix(cls) -> str:
        """The beginning of the names of the environment variables, e.g. `MOSHI_`."""
        return str(cls.model_config["env_prefix"])

    @classmethod
    def load(cls) -> Self:
        """Read the environment.

        Raises:
            StartupError: names the first variable that is wrong, its value, and what it takes.
        """
        try:
            return cls()
        except ValidationError as error:
            raise StartupError(explain(error, cls, cls.prefix())) from None
