"""The last that was heard of one moshi."""

import logging
from dataclasses import replace
from typing import Annotated, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from moshi_frontend.endpoint import Endpoint
from moshi_frontend.errors import moshi as errors
from moshi_service.errors import Problem
from moshi_service.health import Health, ObservedHealth, Status
from moshi_service.protocol.info import Model, Slots
from moshi_service.protocol.upgrade import Denial, Load

log = logging.getLogger(__name__)

DETAIL = 600
"""Longest text that is taken from moshi's health, in characters. The page shows it, and another version of moshi might
send a traceback."""


def _bounded(health: Health) -> Health:
    """With one line of limited length for each text."""
    return replace(health, phase=_cut(health.phase), detail=_cut(health.detail))


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= DETAIL else f"{line[: DETAIL - 2]} …"


class MoshiInfo(BaseModel):
    """moshi's `/api/info`, passed on whole. Only the fields that the frontend reads are declared."""

    model_config = ConfigDict(extra="allow")

    health: Annotated[Health, AfterValidator(_bounded)]
    model: Model = Field(description="The model that answers")
    slots: Slots = Field(description="Conversations moshi holds at most, and now")
    queue: int = Field(default=0, description="Clients who wait")


class Replica:
    """
    Attributes:
        health: moshi's own, or `unreachable`.
        info: None while it is unreachable.
        load: None until moshi has told it.
        pending: conversations that this service tries to open there now.
        asked: whether there was any answer or failure yet.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.health = unreachable(errors.not_asked_yet())
        self.info: MoshiInfo | None = None
        self.load: Load | None = None
        self.pending = 0
        self.asked = False
        self._load_from = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether it was ready when it was last asked."""
        return self.health.status == "ready"

    @property
    def problem(self) -> Problem | str:
        """The reason why it is not ready."""
        return Problem(self.health.error, self.health.detail) if self.health.error else self.health.detail

    @property
    def room(self) -> int:
        """Free slots less the clients who are on their way or wait for one; negative if more wait than are free."""
        return self.load.total - self.load.used - self.load.queued - self.pending if self.load else 0

    def answered(self, info: MoshiInfo, asked_at: float) -> None:
        """moshi has answered a probe. `asked_at`: when the probe was sent."""
        self._news(info.health)
        self.info = info
        self.hear(Load(info.slots.used, info.slots.total, info.queue), asked_at)

    def hear(self, load: Load, asked_at: float) -> None:
        """moshi has told its load. An answer to an earlier question does not replace one to a later question."""
        if asked_at >= self._load_from:
            self.load, self._load_from = load, asked_at

    def accepted(self, asked_at: float) -> None:
        """A moshi that does not tell its load has accepted a conversation."""
        if self.load is not None:
            self.hear(replace(self.load, used=self.load.used + 1), asked_at)

    def denied(self, denial: Denial) -> None:
        """moshi has denied a conversation. If it is because of its health, nobody else is sent there."""
        if denial.cause in get_args(Status) and denial.cause != "ready":
            self._news(ObservedHealth(denial.cause, denial.cause, None, _cut(denial.reason), denial.error))  # type: ignore[arg-type]

    def lost(self, problem: Problem) -> None:
        """moshi was not reached. Nobody is sent there until a probe succeeds."""
        self._news(unreachable(problem))
        self.info = self.load = None

    def _news(self, health: ObservedHealth) -> None:
        self.asked = True
        before, self.health = self.health, health
        if _told(before) != _told(health):
            code = f"[{health.error}] " if health.error else ""
            log.info("moshi at %s is %s: %s%s", self.endpoint, health.status, code, health.detail)


def _told(health: ObservedHealth) -> tuple[str, str, str | None]:
    """The part of the state whose change is logged: the cause of a failure, but not the progress of a phase."""
    return health.status, health.phase, health.detail if health.status == "unreachable" else None


def unreachable(problem: Problem) -> ObservedHealth:
    """The health of a moshi that does not answer."""
    return ObservedHealth("unreachable", "waiting for moshi", None, problem.text, problem.code)
