"""The places in a working copy that this tool reads and writes, and what git says of them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vendoring.errors import Refused
from vendoring.manifest import Manifest, Release
from vendoring.placement import FOLDER, is_unfinished, recover

RELEASE_FILE = "MOSHI_VERSION"
MANIFEST_FILE = (FOLDER / "UPSTREAM.json").as_posix()
HISTORY_FILE = (FOLDER / "history.json").as_posix()
PACKAGING_FILE = (FOLDER / "pyproject.toml").as_posix()
SBOM_FILE = (FOLDER / "sbom.cdx.json").as_posix()
PATCHES = (FOLDER / "patches").as_posix()


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@dataclass(frozen=True)
class Checkout:
    root: Path

    @property
    def folder(self) -> Path:
        return self.root / FOLDER

    @property
    def release_file(self) -> Path:
        return self.root / RELEASE_FILE

    @property
    def manifest_file(self) -> Path:
        return self.root / MANIFEST_FILE

    def manifest(self) -> Manifest:
        """What is pinned.

        Raises:
            Refused: MOSHI_VERSION or UPSTREAM.json is unusable, they are not about the same release, or an update was
                cut short and either may be old or new.
        """
        if is_unfinished(self.root):
            raise Refused("an update or sync was cut short; `tools/update_moshi.sh sync` finishes or undoes it")
        manifest = Manifest.read(self.manifest_file)
        if Release.read(self.release_file) != manifest.release:
            raise Refused("MOSHI_VERSION and UPSTREAM.json name different releases; restore both from git")
        return manifest

    def patches(self) -> dict[str, bytes]:
        """The patches by file name, in the order in which they are applied."""
        return {path.name: path.read_bytes() for path in sorted((self.root / PATCHES).glob("*.patch"))}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lets one process at a time change the vendored files, and finishes what another left half done.

        Raises:
            Refused: another one is at work.
        """
        # The system takes the lock away from a process that ends, however it ends.
        with (self.folder / ".lock").open("w") as lock:
            try:
                _lock(lock.fileno())
            except (BlockingIOError, PermissionError):
                raise Refused(f"another process is changing {FOLDER}; run this again when it is done") from None
            recover(self.root)
            yield

    def changed_paths(self) -> list[str]:
        """What git would commit or lose, relative to the root.

        Raises:
            Refused: this is no git checkout.
        """
        listed = self.git("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")
        return [entry[3:] for entry in listed.decode().split("\0") if entry]

    def git(self, *arguments: str) -> bytes:
        """
        Raises:
            Refused: git is missing, or says no.
        """
        try:
            ran = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, check=False)
        except OSError as error:
            raise Refused(f"git does not run ({error.strerror}); install it") from None
        if ran.returncode != 0:
            reason = ran.stderr.decode(errors="replace").strip().splitlines()
            raise Refused(f"git {arguments[0]} failed ({reason[0] if reason else ran.returncode}); is this a checkout?")
        return ran.stdout
