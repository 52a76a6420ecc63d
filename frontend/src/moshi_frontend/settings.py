"""Every setting of the service. Each is an environment variable. Where moshi is: see discovery.py."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from moshi_frontend.errors import start as errors
from moshi_service.errors import InvalidValue, StartupError
from moshi_service.settings import ExistingFile, Origin, ServiceSettings, Token, check_token


class Settings(ServiceSettings):
    """The environment variables of the service, each `FRONTEND_` and the field's name."""

    model_config = SettingsConfigDict(env_prefix="FRONTEND_")

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

    api_token: Token | None = Field(default=None, validation_alias="MOSHI_API_TOKEN")
    """Secret that moshi asks for, in the same variable as there. Browsers never see it, so `direct` excludes it."""

    api_keys: Annotated[tuple[Token, ...], NoDecode] = ()
    """API keys for programs that speak OpenAI's Live or Realtime API; separated by commas. Unset: no such API here."""

    api_keys_file: ExistingFile | None = None
    """File with further API keys, one in each line. It is read at the start."""

    embed_origins: Annotated[tuple[Origin, ...], NoDecode] = ()
    """Origins whose pages may show this page in a frame, e.g. `https://intranet.example`; separated by commas.
    Unset: no page may."""

    connections_per_address: int = Field(default=16, ge=0)
    """Connections of one address at the same time, 0 for any number."""

    connects_per_minute: int = Field(default=120, ge=0)
    """New connections of one address in a minute, 0 for any number."""

    max_connections: int = Field(default=64, ge=1, le=10_000)
    """Conversations passed on to moshi at the same time, 1 to 10000."""

    tries: int = Field(default=3, ge=1, le=20)
    """Replicas of moshi that are tried for one conversation, 1 to 20. Of fewer than eight replicas, all are tried."""

    discovery_seconds: float = Field(default=5, ge=1, le=3600)
    """Seconds between two look-ups of a `dns+` or `srv+` name in MOSHI_URL, 1 to 3600."""

    poll_max: int = Field(default=64, ge=2, le=10_000)
    """Up to this many replicas of moshi are probed about once a second, 2 to 10000. Of more replicas, some are probed,
    and two are asked before each conversation."""

    drain_seconds: float = Field(default=0, ge=0, allow_inf_nan=False)
    """Seconds that conversations have to end by themselves when the service is told to stop (SIGTERM)."""

    @model_validator(mode="after")
    def _a_token_needs_the_proxy(self) -> Self:
        if self.api_token and self.moshi_mode == "direct":
            raise InvalidValue(errors.direct_with_token())
        return self

    @field_validator("embed_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        return cls._split(value)

    @field_validator("api_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    def all_api_keys(self) -> tuple[SecretStr, ...]:
        """All API keys.

        Raises:
            StartupError: the file with keys cannot be read, has none, or has something that is no key.
        """
        if self.api_keys_file is None:
            return self.api_keys
        try:
            lines = self.api_keys_file.read_text().split()
            keys = tuple(check_token(SecretStr(line)) for line in lines)
        except InvalidValue as error:
            raise StartupError(errors.api_keys_file_invalid(self.api_keys_file, error.problem)) from None
        except OSError as error:
            raise StartupError(errors.api_keys_file_invalid(self.api_keys_file, error.strerror)) from None
        except ValueError:
            raise StartupError(errors.api_keys_file_invalid(self.api_keys_file, "it is no text")) from None
        if not keys:
            raise StartupError(errors.api_keys_file_empty(self.api_keys_file))
        return (*self.api_keys, *keys)

    def authorization(self) -> dict[str, str]:
        """The header for moshi."""
        return {"Authorization": f"Bearer {self.api_token.get_secret_value()}"} if self.api_token else {}


def load_settings() -> Settings:
    """See `ServiceSettings.load`."""
    return Settings.load()
