"""The changes of an update, for people."""

import re
from collections.abc import Mapping
from difflib import unified_diff

from vendoring.checkout import Checkout
from vendoring.generated import PACKAGING_FILE, Pin

_PROTOCOL = re.compile(r"""\bkind\b|b["']\\x|\.query\b|add_(?:get|post)\(""")
"""Upstream's server and clients speak the wire protocol with these words. Our service speaks it without upstream's
code, so a changed line deserves a look."""


def report(checkout: Checkout, after: Pin, breaking: Mapping[str, str]) -> str:
    """
    Args:
        breaking: the breaking changes of the API that the backend uses, by name.

    Returns:
        Markdown.
    """
    old, new = checkout.manifest(), after.manifest
    before = {name: (checkout.folder / name).read_bytes() for name in old.files}
    lines = {
        name: _changed_lines(before.get(name, b""), after.placed.get(name, b""))
        for name in sorted(old.files.keys() | new.files.keys())
        if old.files.get(name) != new.files.get(name)
    }
    packaging = _changed_lines((checkout.root / PACKAGING_FILE).read_bytes(), after.generated[PACKAGING_FILE])
    sections = {
        f"Moshi {old.release.version} → {new.release.version}": [
            f"- archive: `{new.release.archive}`, sha256 `{new.release.sha256}`",
            f"- commit: {old.release.commit} → {new.release.commit}",
            f"- patches: {', '.join(new.patches) or 'none'}",
            *(f"- licence: `{name}` {licence}, accepted" for name, licence in new.licences.items()),
        ],
        "Files": [
            f"- `{name}`: +{sum(line[0] == '+' for line in found)} -{sum(line[0] == '-' for line in found)}"
            for name, found in lines.items()
        ],
        "API that the backend uses": [f"- **`{name}`**: {text}" for name, text in breaking.items()],
        "Dependencies": [f"- `{line}`" for line in packaging if re.match('. ("|requires)', line)],
        "Command line": _matching(lines, re.compile("add_argument")),
        "Protocol": _matching({name: found for name, found in lines.items() if name.count("/") == 1}, _PROTOCOL),
    }
    return "\n\n".join(f"### {title}\n\n" + "\n".join(body or ["As before."]) for title, body in sections.items())


def _changed_lines(before: bytes, after: bytes) -> list[str]:
    """The lines that differ, each with `+` or `-` before it."""
    old, new = (data.decode(errors="replace").splitlines() for data in (before, after))
    return [f"{line[0]} {line[1:].strip()}" for line in list(unified_diff(old, new, n=0))[2:] if line[0] in "+-"]


def _matching(lines: Mapping[str, list[str]], pattern: re.Pattern[str]) -> list[str]:
    """Without the lines that only moved, which are on both sides."""
    return [
        f"- `{name}`: `{line}`"
        for name, found in lines.items()
        for line in found
        if pattern.search(line) and f"{'-' if line[0] == '+' else '+'}{line[1:]}" not in found
    ]
