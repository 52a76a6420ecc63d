"""From one release to another, in one change that is ready to be committed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email import message_from_string
from pathlib import Path

from vendoring import history, index, trial
from vendoring.archive import read_archive
from vendoring.checkout import HISTORY_FILE, PATCHES, Checkout
from vendoring.errors import Refused
from vendoring.manifest import NAME, UNKNOWN, VERSION, Release, sha256
from vendoring.pin import Pin, current_pin, make_pin, not_as_made
from vendoring.placement import FOLDER, differences, swap
from vendoring.report import Report, report
from vendoring.source import obtain, read, store

LATEST = "latest"
_BACKEND = Path("moshi", "src")


@dataclass(frozen=True)
class Update:
    """
    Attributes:
        version: `latest` for the index's newest; None for the one in `archive`.
        archive: take the release from this file, not from the index.
        digest: the SHA-256 that it must have, if the caller knows it.
        commit: upstream's commit of it, if the caller knows it.
        accept: go on though the used API, tokens or contract tests are not as before.
    """

    version: str | None = LATEST
    archive: Path | None = None
    digest: str | None = None
    commit: str | None = None
    accept: bool = False


def update(
    checkout: Checkout,
    request: Update,
    cache: Path,
    say: Callable[[str], None],
    try_out: Callable[[Checkout, Pin], trial.Trial] = trial.try_out,
) -> None:
    """Pins and places a release, or leaves everything as it was.

    Raises:
        Refused: nothing was changed.
        OSError: see `placement.swap`.
    """
    with checkout.alone():
        present = checkout.manifest()
        _refuse_changes(checkout)
        release, archive = find_release(checkout, request, cache)
        # The pin that is left was made with the patches that are committed, not with the new ones.
        before = make_pin(present.release, obtain(present.release, None, cache), _committed_patches(checkout))
        present.check(before.placed)
        after = make_pin(release, archive, checkout.patches())
        if after.manifest == present:
            _write_again(checkout, after, say)
            return
        found = report(before, after, backend_sources(checkout.root))
        say(found.text)
        _stop_unless(request.accept, "the API that the backend uses is not as before", found.stops)
        say(f"Trying it with the tests' random model and tests/contract/{trial.TESTS}: a minute or two ...")
        tried = try_out(checkout, after)
        for note in tried.notes:
            say(f"- {note}")
        for problem in tried.problems:
            say(f"- **not as before**: {problem}")
        _stop_unless(request.accept, "the trial found what is not as before", tried.problems)
        entry = history.leave(checkout, cache, tried.locks)
        # The same release with other patches is another pin too, and can be gone back to.
        entries = [*history.read(checkout), entry]
        written = {**after.written, **tried.locks, HISTORY_FILE: history.text(entries).encode()}
        swap(checkout.root, after.placed, after.manifest.text(), written)
    say(_next_steps(after, tried))


def find_release(checkout: Checkout, request: Update, cache: Path) -> tuple[Release, bytes]:
    """The release and its archive, which is then in the cache.

    Raises:
        Refused: it cannot be had, or its hash is not the one that is recorded here or that the caller gave.
    """
    version = request.version
    if version == LATEST:
        version = index.versions()[0] if request.archive is None else None
    if request.archive is not None:
        data, name = read(request.archive), request.archive.name
        version = version or _version_inside(data, name)
    elif version and (known := history.recorded(checkout, version)):
        data, name = obtain(known, None, cache), known.archive
    elif version:
        name, data = index.find(version)
    else:
        raise Refused("name a version, or an archive")
    known = history.recorded(checkout, version)
    if known and known.sha256 != sha256(data):
        raise Refused(f"{name} has sha256 {sha256(data)}, but {version} is recorded with {known.sha256}; find out why")
    if request.digest and request.digest != sha256(data):
        raise Refused(f"{name} has sha256 {sha256(data)}, not {request.digest}; get it again")
    commit = request.commit or (known.commit if known else UNKNOWN)
    release = Release(version, commit, known.archive if known else name, sha256(data))
    inside = _version_inside(data, release.archive)
    if inside != version:
        raise Refused(f"{name} is {NAME} {inside}, not {version}; name the archive of that release")
    store(cache, data)
    return release, data


def compare_releases(checkout: Checkout, versions: tuple[str, str], cache: Path) -> Report:
    """The report of an update between two releases as upstream made them, without the trial. Changes nothing."""
    pins = []
    for version in versions:
        release, data = find_release(checkout, Update(version), cache)
        pins.append(make_pin(release, data, {}))
    return report(pins[0], pins[1], backend_sources(checkout.root))


def verify_from_scratch(checkout: Checkout, cache: Path) -> list[str]:
    """Makes the pin again from its archive and compares every file that the tool places or writes.

    Returns:
        what is not as made, a line each.
    """
    pin = current_pin(checkout, cache)
    placed = [f"{kind:8} {FOLDER / path}" for kind, path in differences(checkout.folder, pin.manifest.files)]
    return [*placed, *(f"changed  {name}" for name in not_as_made(checkout, pin))]


def backend_sources(root: Path) -> Mapping[str, bytes]:
    """What uses upstream's package, by path."""
    folder = root / _BACKEND
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.py")}


def _write_again(checkout: Checkout, pin: Pin, say: Callable[[str], None]) -> None:
    """The pin stays; what this tool would write otherwise by now, since it has changed itself, is written."""
    wrong = not_as_made(checkout, pin)
    if wrong:
        swap(checkout.root, pin.placed, pin.manifest.text(), pin.written)
        say(f"{NAME} {pin.version} is what is pinned; written again: {', '.join(wrong)}")
    else:
        say(f"{NAME} {pin.version} is what is pinned")


def _refuse_changes(checkout: Checkout) -> None:
    # A patch that did not fit the new release has to be rewritten first, and only fits once that is placed.
    other = [path for path in checkout.changed_paths() if not path.startswith(f"{PATCHES}/")]
    if other:
        more = f" and {len(other) - 1} more" if len(other) > 1 else ""
        raise Refused(f"{other[0]}{more} has changes that are not committed; commit or stash them first")
    if wrong := differences(checkout.folder, checkout.manifest().files):
        raise Refused(f"{FOLDER} is not as pinned: {wrong[0].kind} {wrong[0].path}; run update_moshi.sh sync")


def _committed_patches(checkout: Checkout) -> dict[str, bytes]:
    names = checkout.git("ls-tree", "-z", "--name-only", "HEAD", f"{PATCHES}/").decode().split("\0")
    return {Path(name).name: checkout.git("show", f"HEAD:{name}") for name in sorted(names) if name.endswith(".patch")}


def _version_inside(data: bytes, name: str) -> str:
    try:
        # Only the form of the name matters here; the release is checked as a whole later.
        metadata = read_archive(data, replace(Release("0", UNKNOWN, name, sha256(data))).archive).metadata
    except Refused as refusal:
        raise Refused(f"{name}: {refusal}") from None
    version = str(message_from_string(metadata).get("Version", ""))
    if not version:
        raise Refused(f"{name} does not say its version; is it a release ({VERSION})?")
    return version


def _stop_unless(accept: bool, reason: str, what: list[str]) -> None:
    if what and not accept:
        raise Refused(f"{reason}: {'; '.join(what)}. Nothing was changed; --accept goes on nevertheless")


def _next_steps(pin: Pin, tried: trial.Trial) -> str:
    paths = " ".join(["MOSHI_VERSION", str(FOLDER), *tried.locks])
    return (
        f"{NAME} {pin.version} is placed. To finish: make setup && make test, then\n"
        f'    git add {paths}\n    git commit -m "Moshi {pin.version}"\n'
        "or back to where it was: tools/update_moshi.sh rollback"
    )
