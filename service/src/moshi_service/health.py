"""The answers of `/alive` and `/health`, which are the same for both services."""

from typing import Literal

from pydantic import BaseModel


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class HealthReport(BaseModel):
    """Whether conversations can begin, and the state of start-up. `progress` is 0..1 where it is known."""

    status: Literal["starting", "ready", "draining", "failed"]
    phase: str
    progress: float | None
    detail: str
