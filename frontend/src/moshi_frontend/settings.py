"""Every setting of the service. Each is an environment variable. Where moshi is: see discovery.py."""

from pathlib import Path
from typing import Annotated, Literal, Self

from platformdirs import user_state_path
from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from moshi_frontend.errors import StartupError
from moshi_frontend.origins import parse_host_pattern, parse_origin
from moshi_frontend.setting_values import check_file, check_networks, check_token, explain

PREFIX = "FRONTEND_"

Origin = Annotated[str, AfterValidator(parse_origin)]
HostPattern = Annotated[str, AfterValidator(parse_host_pattern)]
NetworkList = Annotated[str, AfterValidator(check_networks)]
Token = Annotated[SecretStr, AfterValidator(check_token)]
ExistingFile = Annotated[Path, AfterValidator(check_file)]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, use_attribute_docstrings=True, frozen=True)

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on. `0.0.0.0` or `::` for every interface."""

    port: int = Field(default=8080, ge=0, le=65535)
    """Port to listen on, 0 to 65535. 0 takes any free one."""

    moshi_mode: Literal["proxy", "direct"] = "proxy"
    """`proxy`: browsers reach moshi through this service. `direct`: they are told moshi's own address."""

    moshi_ca: Path | None = None
    """PEM file with the authority that moshi's certificate is checked against. Unset: those of the system.
    The file may appear after the start, because moshi makes its own on its first run."""

    tls: Literal["off", "auto", "files"] = "off"
    """`auto` makes a certificate on first run; `files` takes FRONTEND_TLS_CERT and FRONTEND_TLS_KEY; `off` is
    plain HTTP, with which browsers allow the microphone on localhost only."""

    tls_cert: ExistingFile | None = None
    """PEM file with the certificate (chain), for FRONTEND_TLS=files."""

    tls_key: ExistingFile | None = None
    """PEM file with its private key, for FRONTEND_TLS=files."""

    tls_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Further names or addresses for the automatic certificate, separated by commas."""

    api_token: Token | None = Field(default=None, validation_alias="MOSHI_API_TOKEN")
    """Secret that moshi asks for, in the same variable as there. Browsers never see it, so `direct` excludes it."""

    connections_per_address: int = Field(default=16, ge=0)
    """Connections of one address at the same time, 0 for any number."""

    connects_per_minute: int = Field(default=120, ge=0)
    """New connections of one address in a minute, 0 for any number."""

    trusted_proxies: NetworkList = "127.0.0.1"
    """Addresses or networks, with commas, whose `X-Forwarded-For` and `-Proto` are believed. `*` for all,
    empty for none."""

    allowed_origins: Annotated[tuple[Origin, ...], NoDecode] = ()
    """Origins besides the service's own that a browser may connect from, e.g. `https://talk.example`;
    separated by commas."""

    allowed_hosts: Annotated[tuple[HostPattern, ...], NoDecode] = ()
    """Public names by which the service may be called, e.g. `talk.example` or `*.talk.example`; separated by commas;
    `*` for every name. Addresses, private names, and the names of certificate and allowed origins need no entry."""

    log_format: Literal["text", "json"] = "text"
    """Lines on stderr: `text` for people, `json` for machines. OTEL_* variables send logs, metrics and traces away."""

    state_dir: Path = Field(default_factory=lambda: user_state_path("scenario6"))
    """Where the automatic certificate is kept: the same folder as moshi's, for the same certificate."""

    max_connections: int = Field(default=64, ge=1, le=10_000)
    """Conversations passed on to moshi at the same time, 1 to 10000."""

    @field_validator("tls_hosts", "allowed_hosts", "allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @model_validator(mode="after")
    def _files_are_named(self) -> Self:
        if self.tls == "files" and (self.tls_cert is None or self.tls_key is None):
            raise ValueError("FRONTEND_TLS=files needs FRONTEND_TLS_CERT and FRONTEND_TLS_KEY too")
        if self.api_token and self.moshi_mode == "direct":
            raise ValueError("FRONTEND_MOSHI_MODE=direct: browsers cannot send MOSHI_API_TOKEN; use proxy, or unset it")
        return self

    def authorization(self) -> dict[str, str]:
        """The header for moshi."""
        return {"Authorization": f"Bearer {self.api_token.get_secret_value()}"} if self.api_token else {}


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        StartupError: names the first variable that is wrong, what it got and what it takes.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise StartupError(explain(error, Settings, PREFIX)) from None
