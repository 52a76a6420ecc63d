"""A working copy: the places that this tool reads and writes, their state, and their history in git."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from vendoring import errors
from vendoring.archive import is_licence
from vendoring.manifest import NAME, Manifest, Refused, Release, sha256
from vendoring.swap import is_unfinished, recover, swap

FOLDER = f"third_party/{NAME}"
RELEASE_FILE = "MOSHI_VERSION"
MANIFEST_FILE = f"{FOLDER}/UPSTREAM.json"
PACKAGING_FILE = f"{FOLDER}/pyproject.toml"
SBOM_FILE = f"{FOLDER}/sbom.cdx.json"
PATCHES = f"{FOLDER}/patches/"
PIN_FILES = (RELEASE_FILE, MANIFEST_FILE, PACKAGING_FILE, SBOM_FILE)
"""The tracked files of every pin, besides its patches."""

_STAMP = ".placed.json"
"""The manifest of the placed files: it tells a local change from the files of another release."""

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Difference(NamedTuple):
    """A placed file that is not as recorded; `path` is relative to third_party/moshi/."""

    kind: Literal["changed", "missing", "extra"]
    path: str


def patches_in(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The patches among files by path, by file name, in the order in which they are applied."""
    return {Path(name).name: files[name] for name in sorted(files) if re.fullmatch(rf"{PATCHES}[^/]+\.patch", name)}


@dataclass(frozen=True)
class Checkout:
    """The working copy whose top folder is `root`."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / FOLDER

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lets one process at a time change the vendored files, and finishes a change that was cut short.

        Raises:
            Refused: another process is at work.
        """
        # The system takes the lock away from a process that ends, however it ends.
        with (self.folder / ".lock").open("w") as lock:
            try:
                _lock(lock.fileno())
            except (BlockingIOError, PermissionError):
                raise Refused(errors.update_running(FOLDER)) from None
            recover(self.root)
            yield

    # The pin

    def manifest(self) -> Manifest:
        """The pin.

        Raises:
            Refused: MOSHI_VERSION or UPSTREAM.json is unusable, they are not about the same release, or an update was
                cut short and either may be old or new.
        """
        if is_unfinished(self.root):
            raise Refused(errors.update_cut_short())
        manifest = Manifest.read(self.root / MANIFEST_FILE)
        if Release.read(self.root / RELEASE_FILE) != manifest.release:
            raise Refused(errors.pins_differ())
        return manifest

    def patches(self) -> dict[str, bytes]:
        """The patches by file name, in the order in which they are applied."""
        return {path.name: path.read_bytes() for path in sorted((self.root / PATCHES).glob("*.patch"))}

    # The placed files

    def place(
        self, contents: Mapping[str, bytes], manifest: Manifest, tracked: Mapping[str, bytes | None] | None = None
    ) -> None:
        """Makes the placed files exactly `contents`, and changes other files too; all or nothing.

        Args:
            contents: by path relative to third_party/moshi/.
            tracked: contents of other files by path relative to `root`; None removes one.

        Raises:
            OSError: see `swap`.
        """
        extra = [path for kind, path in self.differences(manifest) if kind == "extra"]
        files: dict[str, bytes | None] = {**dict.fromkeys(extra), **contents, _STAMP: manifest.text().encode()}
        swap(self.root, {**{f"{FOLDER}/{name}": data for name, data in files.items()}, **(tracked or {})})

    def differences(self, manifest: Manifest) -> list[Difference]:
        """Compares the placed files with their recorded SHA-256, by path. Bytecode caches do not count."""
        # A link is a path of its own; the files behind it are not.
        tops = [path for path in self.folder.glob("*") if path.name == NAME or is_licence(path.name)]
        paths = [path for top in tops for path in ([top] if top.is_symlink() else [top, *top.rglob("*")])]
        found = {
            path.relative_to(self.folder).as_posix(): path for path in paths if path.is_symlink() or path.is_file()
        }
        for name in [name for name in found if "/__pycache__/" in name]:
            del found[name]
        result: list[Difference] = []
        for name in sorted(found.keys() | manifest.files.keys()):
            if name not in found:
                result.append(Difference("missing", name))
            elif name not in manifest.files:
                result.append(Difference("extra", name))
            elif found[name].is_symlink() or sha256(found[name].read_bytes()) != manifest.files[name]:
                result.append(Difference("changed", name))
        return result

    def local_changes(self, manifest: Manifest) -> list[Difference]:
        """The differences that are a person's work: not those of an earlier pin, nor a missing file."""
        stamp = self.folder / _STAMP
        placed = Manifest.read(stamp) if stamp.exists() else manifest
        return [difference for difference in self.differences(placed) if difference.kind != "missing"]

    # Git

    def git(self, *arguments: str) -> bytes:
        """
        Raises:
            Refused: git is missing, or says no.
        """
        try:
            ran = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, check=False)
        except OSError as error:
            raise Refused(errors.git_missing(error.strerror)) from None
        if ran.returncode != 0:
            reason = ran.stderr.decode(errors="replace").strip().splitlines()
            raise Refused(errors.git_failed(arguments[0], reason[0] if reason else ran.returncode))
        return ran.stdout

    def changed_paths(self) -> list[str]:
        """The paths that git would commit or lose, relative to the root.

        Raises:
            Refused: this is no git checkout.
        """
        listed = self.git("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")
        return [entry[3:] for entry in listed.decode().split("\0") if entry]

    def committed(self, commit: str, *paths: str) -> dict[str, bytes]:
        """The contents of those paths that a commit has; a path that ends in `/` stands for the files in it.

        Raises:
            Refused: git has no such commit.
        """
        names = self.git("ls-tree", "-z", "--name-only", commit, *paths).decode().split("\0")
        return {name: self.git("show", f"{commit}:{name}") for name in names if name}

    def pins(self) -> list[tuple[str, Manifest]]:
        """The commits that changed the pin, each with its pin, the newest first; none where there is no git history."""
        found: list[tuple[str, Manifest]] = []
        with suppress(Refused):
            for commit in self.git("log", "--format=%H", "--", MANIFEST_FILE).decode().split():
                with suppress(Refused, ValueError, KeyError, TypeError):  # the file is absent there, or damaged
                    found.append((commit, Manifest.parse(self.git("show", f"{commit}:{MANIFEST_FILE}"))))
        return found

    def recorded(self, version: str) -> Release | None:
        """The release of a version that is or was pinned."""
        releases = [self.manifest().release, *(manifest.release for _, manifest in self.pins())]
        return next((release for release in releases if release.version == version), None)
