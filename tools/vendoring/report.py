"""What a change of pin means, for people to read: the same text in `diff` and `update`."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vendoring import surface
from vendoring.api import Change, compare
from vendoring.dependencies import LEFT_OUT, declared_licence, python_range, requirements
from vendoring.pin import Pin
from vendoring.signatures import Package

SAME = "As before."


@dataclass(frozen=True)
class Report:
    """
    Attributes:
        text: Markdown.
        stops: what of the API that the backend uses is not as before, a name each.
    """

    text: str
    stops: list[str]


def report(before: Pin, after: Pin, backend: Mapping[str, bytes]) -> Report:
    """
    Args:
        backend: the backend's source files by path.
    """
    package = Package(after.placed)
    changes, usage = compare(backend, Package(before.placed), package)
    same = [name for name in {**usage.symbols, **usage.members} if name not in {change.name for change in changes}]
    api = [line for change in changes for line in _change(change)]
    api += [
        f"- {len(same)} of {len(usage.symbols) + len(usage.members)} used names are as before.",
        f"- Not checked by name, since their class is not told in the source; the contract tests run them: "
        f"{', '.join(f'`{name}`' for name in sorted(usage.untold)) or 'none'}.",
    ]
    sections = [
        (f"Moshi {before.version} → {after.version}", _identity(before, after)),
        ("Files", _files(before.placed, after.placed)),
        ("Dependencies", _ranges(before, after)),
        ("Licences", _licences(before, after)),
        ("API that the backend uses", api),
        ("Command line", _pairs(surface.options(before.placed), surface.options(after.placed))),
        ("Protocol", _pairs(surface.protocol(before.placed), surface.protocol(after.placed))),
    ]
    text = "\n\n".join("\n".join([f"### {title}", "", *lines]) for title, lines in sections)
    return Report(text + "\n", sorted({change.name for change in changes if change.stops}))


def _identity(before: Pin, after: Pin) -> list[str]:
    old, new = before.manifest.release, after.manifest.release
    lines = [
        f"- archive: `{new.archive}`, sha256 `{new.sha256}`",
        f"- commit: {old.commit} → {new.commit}",
    ]
    if before.manifest.patches or after.manifest.patches:
        lines.append(f"- patches: {', '.join(after.manifest.patches) or 'none'}")
    return lines


def _files(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[str]:
    lines: list[str] = []
    total = [0, 0]
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        added, gone = _count(old or b"", new or b"")
        total[0] += added
        total[1] += gone
        what = "new" if old is None else "gone" if new is None else "changed"
        lines.append(f"| {what} | `{name}` | +{added} | -{gone} |")
    if not lines:
        return ["No file differs."]
    return [
        "| | file | lines | |",
        "|---|---|---|---|",
        *lines,
        f"| | {len(lines)} files | +{total[0]} | -{total[1]} |",
    ]


def _count(old: bytes, new: bytes) -> tuple[int, int]:
    before, after = (data.decode(errors="replace").splitlines() for data in (old, new))
    # The first two lines name the files.
    marks = [line[0] for line in list(difflib.unified_diff(before, after, lineterm="", n=0))[2:]]
    return marks.count("+"), marks.count("-")


def _ranges(before: Pin, after: Pin) -> list[str]:
    pairs = [
        {
            "python": python_range(pin.metadata),
            **{
                f"{name}{' (not taken)' if name in LEFT_OUT else ''}": text
                for name, text in requirements(pin.metadata).items()
            },
        }
        for pin in (before, after)
    ]
    return _pairs(*pairs)


def _licences(before: Pin, after: Pin) -> list[str]:
    pairs = [
        {
            **pin.manifest.licences,
            "declared": declared_licence(pin.metadata) or "nothing",
            **{
                f"text of {name}": pin.manifest.files[name][:12]
                for name in pin.manifest.licences
                if name in before.manifest.files and name in after.manifest.files
            },
        }
        for pin in (before, after)
    ]
    names = ", ".join(f"`{name}` {licence}" for name, licence in after.manifest.licences.items())
    return [f"- {names}; all are accepted", *(line for line in _pairs(*pairs) if line != SAME)]


def _pairs(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What differs between two tables, a line each."""
    lines = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None:
            lines.append(f"- new: `{name}` {_code(new)}".rstrip())
        elif new is None:
            lines.append(f"- gone: `{name}` {_code(old)}".rstrip())
        elif old != new:
            lines.append(f"- changed: `{name}` {_code(old)} → {_code(new)}")
    return lines or [SAME]


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""


def _change(change: Change) -> Iterable[str]:
    where = f"used in {change.place}" if change.place else "used"
    if change.after is None:
        yield f"- **missing**: `{change.name}`, {where}"
    elif change.before is None:
        yield f"- now there: `{change.name}`, {where}"
    else:
        yield f"- **changed**: `{change.name}`, {where}: {_difference(change.before, change.after)}"
    for side, text in (("before", change.before), ("after", change.after)):
        if text:
            yield f"  - {side}: `{text}`"


def _difference(before: str, after: str) -> str:
    """The parts of two signatures that only one has."""
    old, new = (text.replace("(", "(, ").replace(")", ", )").split(", ") for text in (before, after))
    parts = [f"without `{part}`" for part in old if part not in new] + [
        f"with `{part}`" for part in new if part not in old
    ]
    return ", ".join(parts) or "in another order"
