"""Releases and checkouts small enough to read, for the tests of tools/vendoring."""

import gzip
import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from vendoring.checkout import MANIFEST_FILE, PATCHES, RELEASE_FILE, Checkout
from vendoring.cli import main
from vendoring.made import make_pin
from vendoring.manifest import Manifest, Release, sha256
from vendoring.source import store

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOP = "moshi-1.2.3"
MIT = b"MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining\na copy of it\n"
RELEASED = {"LICENSE": MIT, "moshi/__init__.py": b"", "moshi/models/lm.py": b"layers = 1\n"}
NEXT = {"LICENSE": MIT, "LICENSE.other": MIT, "moshi/__init__.py": b"", "moshi/new.py": b"new = 1\n"}
NOT_TAKEN = {"pyproject.toml": b"", "tests/test_lm.py": b"", "moshi.egg-info/PKG-INFO": b"", "README.md": b""}


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def make_archive(files: Mapping[str, bytes], *others: tarfile.TarInfo, top: str = TOP) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, data in files.items():
            info = member(f"{top}/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in others:
            tar.addfile(info)
    return gzip.compress(plain.getvalue(), mtime=0)


def make_wheel(files: Mapping[str, bytes | zipfile.ZipInfo]) -> bytes:
    """A zip of the files; a ZipInfo as contents is a member of its own, with nothing in it."""
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as wheel:
        for name, data in files.items():
            if isinstance(data, zipfile.ZipInfo):
                wheel.writestr(data, b"")
            else:
                wheel.writestr(zipfile.ZipInfo(name), data)
    return plain.getvalue()


def as_wheel(files: Mapping[str, bytes], metadata: bytes, version: str) -> bytes:
    """What a wheel of the same release looks like."""
    info = f"moshi-{version}.dist-info"
    inside = {f"{info}/licenses/{name}" if name.startswith("LICENSE") else name: data for name, data in files.items()}
    return make_wheel({**inside, f"{info}/METADATA": metadata, f"{info}/RECORD": b""})


def write_pin(checkout: Checkout, data: bytes, files: Mapping[str, bytes], version: str = "1.2.3") -> Release:
    """Pins `data` whatever is in it."""
    release = Release(version, COMMIT, f"moshi-{version}.tar.gz", sha256(data))
    manifest = Manifest(release, {"LICENSE": "MIT"}, {}, {name: sha256(text) for name, text in files.items()})
    (checkout.root / RELEASE_FILE).write_text(release.text())
    (checkout.root / MANIFEST_FILE).write_text(manifest.text())
    return release


def tree(folder: Path) -> dict[str, tuple[bytes | None, int]]:
    """Every path below with contents and, of files, time of change; without git's own and the lock."""
    found: dict[str, tuple[bytes | None, int]] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.name != ".lock" and ".git" not in path.parts and "__pycache__" not in path.parts:
            is_file = path.is_file()
            found[name] = (path.read_bytes() if is_file else None, path.lstat().st_mtime_ns if is_file else 0)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below by path; without git's own, the lock and scratch folders."""
    return {
        name: data for name, (data, _) in tree(folder).items() if data is not None and not name.startswith(".state/")
    }


def placed(checkout: Checkout) -> dict[str, bytes]:
    """The vendored files."""
    return {
        name: data
        for name, data in contents(checkout.folder).items()
        if name.startswith("moshi/") or (name.startswith("LICENSE"))
    }


def refused(arguments: list[str], checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> str:
    """Runs a command that must be refused with one line and without a change; gives the line."""
    before = tree(checkout.root)
    assert main(arguments, checkout) == 3
    assert tree(checkout.root) == before
    line = capsys.readouterr().err
    assert line.startswith("update_moshi: ")
    assert line.count("\n") == 1
    return line


def git(folder: Path, *arguments: str) -> str:
    identity = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = os.environ | identity | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    command = ["git", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


@contextmanager
def interrupted_at(step: int, error: type[BaseException] | None, for_good: bool) -> Iterator[list[str]]:
    """Makes the step-th change on disk fail, and with `for_good` all after it; gives the changes tried.

    Args:
        error: what it fails with; None ends the process there, as a kill does.
    """
    tried: list[str] = []

    def failing[**P, R](change: Callable[P, R]) -> Callable[P, R]:
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            tried.append(change.__name__)
            if len(tried) == step or (for_good and len(tried) > step):
                if error is None:
                    os._exit(9)
                raise error(f"interrupted at step {step}")
            return change(*args, **kwargs)

        return run

    changes = [
        *((Path, name) for name in ("mkdir", "write_bytes", "rename", "replace", "unlink", "rmdir")),
        (shutil, "rmtree"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in changes:
            patch.setattr(owner, name, failing(getattr(owner, name)))
        yield tried


# A repository with a backend, whose pinned release can be left for another

METADATA = """\
Metadata-Version: 2.4
Name: moshi
Version: {version}
License: MIT
Requires-Python: >=3.10
Requires-Dist: torch<{torch},>=2.2
Requires-Dist: aiohttp
Requires-Dist: pytest; extra == "dev"
"""
MODEL = b"""\
class Model:
    def __init__(self, width: int = 8):
        self.width = width
"""
BACKEND = b"from moshi.lm import Model\n\n\ndef width(model: Model) -> int:\n    return model.width\n"
FIRST = {"LICENSE": MIT, "moshi/__init__.py": b'version = "1.0"\n', "moshi/lm.py": MODEL}
SECOND = {"LICENSE": MIT, "LICENSE.other": MIT, "moshi/__init__.py": b'version = "2.0"\n', "moshi/lm.py": MODEL}
PATCH = b"""\
--- a/moshi/lm.py
+++ b/moshi/lm.py
@@ -1,3 +1,4 @@
+\"\"\"Patched.\"\"\"
 class Model:
     def __init__(self, width: int = 8):
         self.width = width
"""


def release_archive(version: str, files: Mapping[str, bytes], torch: str = "3") -> bytes:
    metadata = METADATA.format(version=version, torch=torch).encode()
    return make_archive({**files, "PKG-INFO": metadata}, top=f"moshi-{version}")


def release_of(version: str, archive: bytes) -> Release:
    return Release(version, COMMIT, f"moshi-{version}.tar.gz", sha256(archive))


def make_repository(root: Path, patches: Mapping[str, bytes] | None = None) -> Checkout:
    """A git checkout with a backend that pins FIRST as 1.0; it is placed, and its archive is in the cache."""
    checkout = Checkout(root)
    archive = release_archive("1.0", FIRST)
    store(archive)
    pin = make_pin(release_of("1.0", archive), archive, patches or {})
    files = {
        **pin.written,
        **{f"{PATCHES}{name}": data for name, data in (patches or {}).items()},
        "third_party/moshi/.gitignore": b"/moshi/\n/LICENSE*\n/.placed.json\n/.swap/\n/.lock\n",
        ".gitignore": b"/.state/\n__pycache__/\n",
        "README.md": b"ours\n",
        "moshi/requirements.lock": b"torch==2.4.1 \\\n    --hash=sha256:00\n",
        "moshi/src/moshi_backend/model.py": BACKEND,
    }
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    git(root, "init", "-q")
    commit(root)
    assert main(["sync"], checkout) == 0
    return checkout


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "as it is")


def copy_tool(root: Path) -> None:
    """Copy the vendoring tool, and the tables of errors that it shares with the services, to the checkout `root`."""
    nothing_compiled = shutil.ignore_patterns("__pycache__")
    errors = "service/src/moshi_service/errors"
    for folder in ("tools/vendoring", errors):
        shutil.copytree(ROOT / folder, root / folder, ignore=nothing_compiled)
    shutil.copy((ROOT / errors).parent / "__init__.py", (root / errors).parent)
