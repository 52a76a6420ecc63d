"""The answers of `/alive` and `/health`, which are the same for both services."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from moshi_service.protocol.events import ERROR

Status = Literal["starting", "ready", "draining", "failed"]


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


@dataclass(frozen=True)
class ObservedHealth:
    """A service's health as another program sees it. The other program adds `unreachable`."""

    status: Annotated[Literal[Status, "unreachable"], Field(description="Whether conversations can begin")]
    phase: Annotated[str, Field(description="Of the start: resolve, load, warm-up, ready. Or the phase that failed")]
    progress: Annotated[float | None, Field(description="Of the phase, 0 to 1; null where it is unknown")]
    detail: Annotated[str, Field(description="One line for people")]
    error: Annotated[str | None, Field(description=ERROR)] = None


@dataclass(frozen=True)
class Health(ObservedHealth):
    """A service's own health."""

    status: Annotated[Status, Field(description="Whether conversations can begin")]
