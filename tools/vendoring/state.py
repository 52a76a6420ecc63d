"""What is pinned, placed, recorded and to be had."""

from pathlib import Path

from vendoring import history, index
from vendoring.checkout import Checkout
from vendoring.errors import Refused
from vendoring.source import cached
from vendoring.sync import verify


def status(checkout: Checkout) -> list[str]:
    """
    Raises:
        Refused: what is pinned cannot be told.
    """
    manifest = checkout.manifest()
    release, wrong = manifest.release, verify(checkout)
    before = [entry.release.version for entry in history.read(checkout)]
    return [
        f"pinned    {release.version}, commit {release.commit}",
        f"archive   {release.archive}, sha256 {release.sha256}",
        f"placed    {'as pinned' if not wrong else f'{len(wrong)} files are not as pinned; `verify` names them'}",
        f"patches   {', '.join(checkout.patches()) or 'none'}",
        f"before    {', '.join(before) or 'nothing recorded'}",
        f"latest    {_latest()}",
    ]


def releases(checkout: Checkout, cache: Path) -> list[str]:
    """A line for each release, the newest that the index has first.

    Raises:
        Refused: what is pinned cannot be told.
    """
    present = checkout.manifest().release
    known = {entry.release.version: entry.release for entry in history.read(checkout)} | {present.version: present}
    lines: list[str] = []
    try:
        offered = index.versions()
    except Refused as refusal:
        offered = []
        lines.append(f"(only what is recorded here: {refusal})")
    for version in [*offered, *(version for version in known if version not in offered)]:
        words = [
            "pinned" if version == present.version else "recorded" if version in known else "",
            "in the cache" if version in known and cached(cache, known[version].sha256) is not None else "",
        ]
        lines.append(f"{version:10} {', '.join(word for word in words if word)}".rstrip())
    return lines


def _latest() -> str:
    try:
        return index.versions()[0]
    except Refused as refusal:
        return f"not known: {refusal}"
