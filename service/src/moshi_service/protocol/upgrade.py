"""The request that opens a conversation, as the frontend makes it to one of several moshis.

A browser learns neither code nor reason of a failed upgrade, so moshi accepts its socket to `/api/chat` even to refuse
it. OpenAI's APIs refuse the upgrade in a form of their own. The frontend sends `Scenario6-Trial`. moshi then decides
before it accepts, and a refusal is an HTTP response with a `Denial`. Nothing has reached the client yet, so the
frontend can try another moshi.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import get_args

from pydantic import BaseModel, Field

from moshi_service.health import Status

TRIAL_HEADER = "Scenario6-Trial"
LOAD_HEADER = "Scenario6-Slots"
"""In moshi's every answer to an upgrade: the `Load` after it."""


class Trial(StrEnum):
    """The value of the header `Scenario6-Trial`."""

    SLOT = "slot"
    """The client gets a slot at once, or is denied."""
    QUEUE = "queue"
    """The client gets a slot, waits for one, or is denied."""


@dataclass(frozen=True)
class Load:
    """The conversations of one moshi.

    Attributes:
        used: slots in use.
        total: slots; 0 until the model is loaded.
        queued: clients who wait for a slot.
    """

    used: int
    total: int
    queued: int = 0

    def __str__(self) -> str:
        return f"{self.used}/{self.total}/{self.queued}"

    @classmethod
    def parse(cls, text: str | None) -> "Load | None":
        """The load in a header; none if there is no header, or none that can be read."""
        matched = re.fullmatch(r"(\d{1,6})/(\d{1,6})/(\d{1,6})", text or "")
        return cls(*map(int, matched.groups())) if matched else None


class Denial(BaseModel):
    """The body of a denied upgrade. Another moshi may accept the client if the response's status is 503."""

    cause: str = Field(description="One word: `full`, a health's status, or the check that failed")
    code: int = Field(description="The close code for the client")
    reason: str
    retry_after: int | None = Field(default=None, description="Seconds; null where the service does not know")
    error: str | None = Field(default=None, description="The code of the problem")


STATUS = {"setting": 400, "token": 401, "origin": 403, "host": 421, "address": 429}
"""HTTP status of a denial by its cause. For all other causes it is 503."""

CAUSES = {*STATUS, "full", *get_args(Status)}
"""Causes of a denial. Another version of moshi may have more."""
