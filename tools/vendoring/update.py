"""From one release to another, in one change that is ready to be committed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email import message_from_string
from pathlib import Path

from vendoring import errors, source
from vendoring.archive import read_archive
from vendoring.checkout import FOLDER, PATCHES, Checkout, patches_in
from vendoring.made import Pin, current_pin, make_pin
from vendoring.manifest import NAME, UNKNOWN, Refused, Release, sha256
from vendoring.report import Report, report
from vendoring.trial import Trial, try_out

LATEST = "latest"


@dataclass(frozen=True)
class Update:
    """
    Attributes:
        version: `latest` for the index's newest, or that of `archive`.
        archive: take the release from this file, not from the index.
        digest: the SHA-256 that it must have, if the caller knows it.
        commit: upstream's commit of it, if the caller knows it.
        accept: go on though the used API, tokens or contract tests are not as before.
    """

    version: str = LATEST
    archive: Path | None = None
    digest: str | None = None
    commit: str | None = None
    accept: bool = False


def update(checkout: Checkout, request: Update, try_out: Callable[[Checkout, Pin], Trial] = try_out) -> None:
    """Pins and places a release, or leaves everything as it was.

    Raises:
        Refused: nothing was changed.
        OSError: see `swap`.
    """
    with checkout.alone():
        present = checkout.manifest()
        _refuse_changes(checkout)
        release, archive = find_release(checkout, request)
        after = make_pin(release, archive, checkout.patches())
        if after.manifest == present:
            # The tool itself may have changed, and write other files for the same pin.
            wrong = after.not_as_made(checkout)
            if wrong:
                checkout.place(after.placed, after.manifest, after.written)
            print(f"{NAME} {after.version} is what is pinned{'; written again: ' if wrong else ''}{', '.join(wrong)}")
            return
        # The present pin was made with the committed patches, not with new ones.
        patches = checkout.committed("HEAD", PATCHES)
        before = make_pin(present.release, source.obtain(present.release), patches_in(patches))
        present.check(before.placed)
        found = report(before, after, backend_sources(checkout.root))
        print(found.text)
        _stop_unless(request.accept, "the API that the backend uses is not as before", found.stops)
        print("Trying it with the contract tests: a minute or two ...", flush=True)
        tried = try_out(checkout, after)
        for line in (*tried.notes, *(f"**not as before**: {problem}" for problem in tried.problems)):
            print(f"- {line}")
        _stop_unless(request.accept, "the trial found what is not as before", tried.problems)
        checkout.place(after.placed, after.manifest, {**after.written, **tried.locks})
    print(
        f"{NAME} {after.version} is placed. To finish: make setup && make test, then\n"
        f"    git add {' '.join(['MOSHI_VERSION', FOLDER, *tried.locks])}\n"
        f'    git commit -m "Moshi {after.version}"\n'
        "or back to the pin before: tools/update_moshi.sh rollback"
    )


def find_release(checkout: Checkout, request: Update) -> tuple[Release, bytes]:
    """The release and its archive, which is then in the cache.

    Raises:
        Refused: it cannot be had, or its hash is not the one that is recorded here or that the caller gave.
    """
    version = request.version
    if request.archive is None and version == LATEST:
        version = source.versions()[0]
    known = checkout.recorded(version)
    if request.archive is not None:
        name, data = request.archive.name, source.read(request.archive)
    elif known:
        name, data = known.archive, source.obtain(known)
    else:
        name, data = source.find(version)
    digest = sha256(data)
    if version == LATEST:
        version = _version_inside(name, data)
        known = checkout.recorded(version)
    if known and known.sha256 != digest:
        raise Refused(errors.archive_differs_from_record(name, digest, version, known.sha256))
    if request.digest and request.digest != digest:
        raise Refused(errors.archive_differs_from_request(name, digest, request.digest))
    commit = request.commit or (known.commit if known else UNKNOWN)
    release = Release(version, commit, known.archive if known else name, digest)
    if (inside := _version_inside(release.archive, data)) != version:
        raise Refused(errors.archive_of_another_release(name, inside, version))
    source.store(data)
    return release, data


def compare_releases(checkout: Checkout, versions: tuple[str, str]) -> Report:
    """The report of an update between two releases as upstream made them, without the trial. Changes nothing."""
    before, after = (make_pin(*find_release(checkout, Update(version)), {}) for version in versions)
    return report(before, after, backend_sources(checkout.root))


def verify_from_scratch(checkout: Checkout) -> list[str]:
    """Makes the pin again from its archive and compares every file that the tool places or writes.

    Returns:
        the files that are not as made, a line each.
    """
    pin = current_pin(checkout)
    placed = [f"{kind:8} {FOLDER}/{path}" for kind, path in checkout.differences(pin.manifest)]
    return [*placed, *(f"changed  {name}" for name in pin.not_as_made(checkout))]


def backend_sources(root: Path) -> Mapping[str, bytes]:
    """The files that use upstream's package, by path."""
    folder = root / "moshi" / "src"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.py")}


def _refuse_changes(checkout: Checkout) -> None:
    # A patch that did not fit the new release has to be rewritten first, and only fits once that is placed.
    other = [path for path in checkout.changed_paths() if not path.startswith(PATCHES)]
    if other:
        more = f" and {len(other) - 1} more" if len(other) > 1 else ""
        raise Refused(errors.uncommitted_changes(f"{other[0]}{more}"))
    if wrong := checkout.differences(checkout.manifest()):
        raise Refused(errors.not_as_pinned(FOLDER, f"{wrong[0].kind} {wrong[0].path}"))


def _version_inside(name: str, data: bytes) -> str:
    Release("0", UNKNOWN, name, sha256(data))  # refuses a file whose name is not that of an archive
    try:
        version = message_from_string(read_archive(data, name)[1]).get("Version")
    except Refused as refusal:
        raise Refused(errors.archive_unusable(name, refusal.problem)) from None
    if not version:
        raise Refused(errors.archive_without_version(name))
    return version


def _stop_unless(accept: bool, reason: str, found: list[str]) -> None:
    if found and not accept:
        raise Refused(errors.release_differs(reason, "; ".join(found)))
