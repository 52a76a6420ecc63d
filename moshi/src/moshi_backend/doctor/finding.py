"""The result of one check."""

from dataclasses import dataclass
from typing import Literal

type Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """`fix`: what to do, where something is to be done. `skipped`: not needed with these settings."""

    check: str
    status: Status
    detail: str
    fix: str = ""
