"""A working copy: places the pinned release, compares it, asks git. Standard library only: set-up begins with it."""

import json
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vendoring import errors
from vendoring.archive import read_archive
from vendoring.patches import apply, write_tree
from vendoring.pin import FOLDER, MANIFEST_FILE, NAME, RELEASE_FILE, Manifest, Refused, Release, sha256
from vendoring.source import obtain

PATCHES = f"{FOLDER}/patches/"
_STAMP = ".placed.json"
"""The manifest of the placed files: it tells a local change from the files of another release."""
_NEW = ".placing"


@dataclass(frozen=True)
class Checkout:
    """The working copy whose top folder is `root`."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / FOLDER

    def manifest(self) -> Manifest:
        """The pin.

        Raises:
            Refused: MOSHI_VERSION or UPSTREAM.json is unusable, or they are not about the same release.
        """
        try:
            release = Release(**tomllib.loads((self.root / RELEASE_FILE).read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise Refused(errors.pin_unreadable(RELEASE_FILE, error)) from None
        manifest = Manifest.parse((self.root / MANIFEST_FILE).read_bytes())
        if manifest.release != release:
            raise Refused(errors.pins_differ())
        return manifest

    def patches(self) -> dict[str, bytes]:
        """The patches by file name, in the order in which they are applied."""
        return {path.name: path.read_bytes() for path in sorted((self.root / PATCHES).glob("*.patch"))}

    # The placed files

    def sync(self, archive: Path | None = None, force: bool = False) -> str:
        """Places the pinned release. Files that are as pinned are not touched.

        Args:
            archive: take the release from this file, not from the cache or the index.
            force: throw local changes away.

        Returns:
            one line about the work that was done.

        Raises:
            Refused: nothing was changed.
            OSError: the disk failed; run it again.
        """
        manifest = self.manifest()
        release = manifest.release
        wrong = self.differences(manifest.files)
        if wrong and not force:
            self.refuse_local_changes()
        if wrong or archive is not None:
            files = apply(self.patches(), read_archive(obtain(release, archive))[0])
            for path in sorted(files.keys() | manifest.files.keys()):
                if path not in files or sha256(files[path]) != manifest.files.get(path):
                    raise Refused(errors.manifest_differs(release.archive, path))
        if not wrong:
            return f"{NAME} {release.version} is up to date"
        self.place(files, manifest)
        return f"placed {NAME} {release.version}: {len(files)} files"

    def place(self, files: Mapping[str, bytes], manifest: Manifest) -> None:
        """Makes the placed files exactly `files`: written beside, then renamed.

        Raises:
            OSError: the disk failed. Files may be missing then, so that the next `sync` completes it without `force`.
        """
        new = self.folder / _NEW
        if new.exists():  # of a process that was killed
            shutil.rmtree(new)
        write_tree(new, {**files, _STAMP: manifest.text().encode()})
        for top in self._tops():
            top.rename(new / f"old {top.name}")
        for name in sorted({_STAMP, *(name.partition("/")[0] for name in files)}):
            (new / name).replace(self.folder / name)
        shutil.rmtree(new)

    def differences(self, recorded: Mapping[str, str]) -> list[str]:
        """Compares the placed files with their SHA-256 by path. Bytecode caches do not count.

        Returns:
            `changed`, `missing` or `extra`, and the path relative to third_party/moshi/.
        """
        # A link is a path of its own; the files behind it are not.
        paths = [path for top in self._tops() for path in ([top] if top.is_symlink() else [top, *top.rglob("*")])]
        found = {
            path.relative_to(self.folder).as_posix(): "a link" if path.is_symlink() else sha256(path.read_bytes())
            for path in paths
            if (path.is_symlink() or path.is_file()) and path.parent.name != "__pycache__"
        }
        return [
            f"{'extra' if name not in recorded else 'missing' if name not in found else 'changed'} {name}"
            for name in sorted(found.keys() | recorded.keys())
            if name not in found or found[name] != recorded.get(name)
        ]

    def refuse_local_changes(self) -> None:
        """
        Raises:
            Refused: a placed file has a person's work in it: not only those of an earlier pin, or a missing file.
        """
        stamp = self.folder / _STAMP
        placed = json.loads(stamp.read_bytes())["files"] if stamp.exists() else self.manifest().files
        if local := [line for line in self.differences(placed) if not line.startswith("missing")]:
            more = f" and {len(local) - 1} more" if len(local) > 1 else ""
            raise Refused(errors.local_changes(FOLDER, local[0] + more))

    def _tops(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.name == NAME or path.name.startswith("LICENSE")]

    # Git

    def git(self, *arguments: str) -> bytes:
        """
        Raises:
            Refused: git is missing, or says no.
        """
        try:
            ran = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, check=True)
        except OSError as error:
            raise Refused(errors.git_failed(arguments[0], error.strerror)) from None
        except subprocess.CalledProcessError as error:
            raise Refused(errors.git_failed(arguments[0], error.stderr.decode().partition("\n")[0])) from None
        return ran.stdout

    def refuse_changes(self, *but: str) -> None:
        """
        Args:
            but: beginnings of the paths that may have changes.

        Raises:
            Refused: git would commit or lose something else, or this is no git checkout.
        """
        listed = self.git("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames").decode()
        for path in (entry[3:] for entry in listed.split("\0") if entry):
            if not path.startswith(but):
                raise Refused(errors.uncommitted_changes(path))
