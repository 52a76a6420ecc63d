"""The pin, the placed files, the earlier pins and the releases of the index."""

from vendoring import source
from vendoring.checkout import Checkout
from vendoring.manifest import Refused


def status(checkout: Checkout) -> list[str]:
    """
    Raises:
        Refused: the pin cannot be told.
    """
    manifest = checkout.manifest()
    release, wrong = manifest.release, checkout.differences(manifest)
    earlier = [pin.release.version for _, pin in reversed(checkout.pins()) if pin != manifest]
    try:
        latest = source.versions()[0]
    except Refused as refusal:
        latest = f"not known: {refusal}"
    return [
        f"pinned    {release.version}, commit {release.commit}",
        f"archive   {release.archive}, sha256 {release.sha256}",
        f"placed    {'as pinned' if not wrong else f'{len(wrong)} files are not as pinned; `verify` names them'}",
        f"patches   {', '.join(checkout.patches()) or 'none'}",
        f"before    {', '.join(dict.fromkeys(earlier)) or 'nothing recorded'}",
        f"latest    {latest}",
    ]


def releases(checkout: Checkout) -> list[str]:
    """A line for each release, the newest of the index first.

    Raises:
        Refused: the pin cannot be told.
    """
    present = checkout.manifest().release
    known = {release.version: release for release in [*(pin.release for _, pin in checkout.pins()), present]}
    lines: list[str] = []
    offered: list[str] = []
    try:
        offered = source.versions()
    except Refused as refusal:
        lines.append(f"(only the releases that are recorded here: {refusal})")
    for version in dict.fromkeys([*offered, *known]):
        words = [
            "pinned" if version == present.version else "recorded" if version in known else "",
            "in the cache" if version in known and source.cached(known[version].sha256) is not None else "",
        ]
        lines.append(f"{version:10} {', '.join(word for word in words if word)}".rstrip())
    return lines
