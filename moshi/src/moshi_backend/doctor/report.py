"""All checks, as a table for people or as JSON."""

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from moshi_backend.doctor import hub, machine, personas
from moshi_backend.doctor.finding import Finding
from moshi_backend.settings import Settings

COLOURS = {"ok": "32", "warning": "33", "failed": "31", "skipped": "90"}
MARKS = {"ok": "ok", "warning": "warn", "failed": "FAIL", "skipped": "-"}


def examine(settings: Settings) -> list[Finding]:
    """Every check. What asks others runs beside the rest."""
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(hub.checks, settings), pool.submit(machine.containers), pool.submit(machine.aspire)]
        found = [
            machine.python(),
            *machine.pytorch(settings),
            machine.opus(),
            machine.port(settings),
            machine.tls(settings),
            machine.state_folder(settings),
            personas.voices(settings),
            personas.presets(settings),
        ]
        return found + [finding for future in asked for finding in future.result()]


def is_well(findings: Sequence[Finding]) -> bool:
    """Whether no check failed."""
    return all(finding.status != "failed" for finding in findings)


def as_json(findings: Sequence[Finding]) -> str:
    """The findings for machines: `ok`, and `checks` with an object for each finding."""
    return json.dumps({"ok": is_well(findings), "checks": [asdict(finding) for finding in findings]}, indent=2)


def as_table(findings: Sequence[Finding], colour: bool | None = None) -> str:
    """In colour on a terminal only."""
    colour = sys.stdout.isatty() if colour is None else colour
    width = max(len(finding.check) for finding in findings)
    lines = []
    for finding in findings:
        mark = f"{MARKS[finding.status]:4}"
        if colour:
            mark = f"\033[{COLOURS[finding.status]}m{mark}\033[0m"
        code = f"[{finding.error}] " if finding.error else ""
        lines.append(f"{mark}  {finding.check:{width}}  {code}{finding.detail}")
        if finding.fix and finding.status in ("warning", "failed"):
            lines.append(f"      {'':{width}}  -> {finding.fix}")
    lines.append("everything that is needed is there" if is_well(findings) else "something that is needed is missing")
    return "\n".join(lines)
