"""The meaning of a change of pin, for people: the same text in `diff` and `update`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff

from vendoring.api import Change, compare
from vendoring.made import LEFT_OUT, Pin, declared_licence, python_range, requirements

_SAME = "As before."
_PROTOCOL = re.compile(r"""\bkind\b|b["']\\x|\.query\b|add_(?:get|post)\(""")
"""Upstream's server and clients speak the wire protocol with these words. Our service speaks it without upstream's
code, so a changed line deserves a look."""


@dataclass(frozen=True)
class Report:
    """
    Attributes:
        text: Markdown.
        stops: the names of the used API that are not as before.
    """

    text: str
    stops: list[str]


def report(before: Pin, after: Pin, backend: Mapping[str, bytes]) -> Report:
    """
    Args:
        backend: the backend's source files by path.
    """
    old, new = before.manifest, after.manifest
    changes, same = compare(backend, before.placed, after.placed)
    lines = _changed_lines(before.placed, after.placed)
    names = ", ".join(f"`{name}` {licence}" for name, licence in new.licences.items())
    sections = {
        f"Moshi {before.version} → {after.version}": [
            f"- archive: `{new.release.archive}`, sha256 `{new.release.sha256}`",
            f"- commit: {old.release.commit} → {new.release.commit}",
            *([f"- patches: {', '.join(new.patches) or 'none'}"] if old.patches or new.patches else []),
        ],
        "Files": _files(before.placed, after.placed, lines),
        "Dependencies": [*_pairs(_ranges(before), _ranges(after))] or [_SAME],
        "Licences": [f"- {names}; all are accepted", *_pairs(_declared(before), _declared(after))],
        "API that the backend uses": [
            *(line for change in changes for line in _change(change)),
            f"- {same} of {same + len(changes)} used names are as before.",
        ],
        "Command line": [*_matching(lines, re.compile("add_argument"), ".py")] or [_SAME],
        "Protocol": [*_matching(lines, _PROTOCOL, "server.py", "client.py", "_gradio.py", "_utils.py")] or [_SAME],
    }
    text = "\n\n".join("\n".join([f"### {title}", "", *body]) for title, body in sections.items())
    return Report(text + "\n", [change.name for change in changes if change.stops])


def _changed_lines(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> dict[str, list[str]]:
    """The lines that differ, by file, each with `+` or `-` before it."""
    lines: dict[str, list[str]] = {}
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            old, new = (files.get(name, b"").decode(errors="replace").splitlines() for files in (before, after))
            lines[name] = [line for line in list(unified_diff(old, new, lineterm="", n=0))[2:] if line[0] in "+-"]
    return lines


def _files(before: Mapping[str, bytes], after: Mapping[str, bytes], lines: Mapping[str, list[str]]) -> list[str]:
    if not lines:
        return ["No file differs."]
    kinds = {name: "new" if name not in before else "gone" if name not in after else "changed" for name in lines}
    rows = [(kinds[name], f"`{name}`", [line[0] for line in found]) for name, found in lines.items()]
    rows.append(("", f"{len(lines)} files", [mark for _, _, marks in rows for mark in marks]))
    table = (
        f"|{kind and f' {kind}'} | {name} | +{marks.count('+')} | -{marks.count('-')} |" for kind, name, marks in rows
    )
    return ["| | file | lines | |", "|---|---|---|---|", *table]


def _matching(lines: Mapping[str, list[str]], pattern: re.Pattern[str], *endings: str) -> Iterator[str]:
    for name, found in lines.items():
        texts = dict.fromkeys(f"{line[0]} {line[1:].strip()}" for line in found if pattern.search(line))
        # A line that only moved is on both sides.
        moved = [text for text in texts if f"{'-' if text[0] == '+' else '+'}{text[1:]}" in texts]
        if name.endswith(endings):
            yield from (f"- `{name}`: `{text}`" for text in texts if text not in moved)


def _ranges(pin: Pin) -> dict[str, str]:
    ranges = {f"{name}{' (not taken)' * (name in LEFT_OUT)}": text for name, text in requirements(pin.metadata).items()}
    return {"python": python_range(pin.metadata), **ranges}


def _declared(pin: Pin) -> dict[str, str]:
    return {**pin.manifest.licences, "declared": declared_licence(pin.metadata) or "nothing"}


def _pairs(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """The differences of two tables, a line each."""
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield f"- new: `{name}` `{after[name]}`"
        elif name not in after:
            yield f"- gone: `{name}` `{before[name]}`"
        elif before[name] != after[name]:
            yield f"- changed: `{name}` `{before[name]}` → `{after[name]}`"


def _change(change: Change) -> Iterator[str]:
    where = f"`{change.name}`, used in {change.place}"
    if change.after is None:
        yield f"- **missing**: {where}"
    elif change.before is None:
        yield f"- now there: {where}"
    else:
        old, new = (re.split(r", |(?<=\()", text.replace(")", ", )")) for text in (change.before, change.after))
        parts = [f"without `{part}`" for part in old if part not in new]
        parts += [f"with `{part}`" for part in new if part not in old]
        yield f"- **changed**: {where}: {', '.join(parts) or 'in another order'}"
    for side, text in (("before", change.before), ("after", change.after)):
        if text:
            yield f"  - {side}: `{text}`"
