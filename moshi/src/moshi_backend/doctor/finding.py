"""What one check found."""

from dataclasses import dataclass
from typing import Literal

from moshi_service.errors import Problem

type Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """`fix`: what to do, where something is to be done. `skipped`: not needed with these settings. `error`: the code in
    troubleshooting.md, if it is not well."""

    check: str
    status: Status
    detail: str
    fix: str = ""
    error: str | None = None


def fault(check: str, status: Literal["warning", "failed"], problem: Problem, fix: str = "") -> Finding:
    """A finding that is not well."""
    return Finding(check, status, problem.text, fix, problem.code)
