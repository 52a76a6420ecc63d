"""Releases and checkouts small enough to read, for the tests of tools/vendoring."""

import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from vendoring.checkout import PATCHES, Checkout
from vendoring.cli import main
from vendoring.generated import PACKAGING_FILE, make_pin
from vendoring.patches import write_tree
from vendoring.pin import MANIFEST_FILE, RELEASE_FILE, Manifest, Release, sha256
from vendoring.source import store

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
MIT = b"MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining\na copy of it\n"
METADATA = """\
Metadata-Version: 2.4
Name: moshi
Version: {version}
License: MIT
Requires-Python: >=3.10
Requires-Dist: torch<3,>=2.2
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


def make_wheel(
    files: Mapping[str, bytes], *others: zipfile.ZipInfo, version: str = "1.0", metadata: str = METADATA
) -> bytes:
    """A release with the files by their path here; `others` are empty members besides."""
    info = f"moshi-{version}.dist-info"
    tag = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    inside = {
        f"{info}/METADATA": metadata.format(version=version).encode(),
        f"{info}/WHEEL": tag,
        f"{info}/RECORD": b"",
    }
    inside |= {name if "/" in name else f"{info}/licenses/{name}": data for name, data in files.items()}
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as wheel:
        for name, data in inside.items():
            wheel.writestr(zipfile.ZipInfo(name), data)
        for member in others:
            wheel.writestr(member, b"")
    return plain.getvalue()


def release_of(wheel: bytes, version: str = "1.0") -> Release:
    return Release(version, COMMIT, f"moshi-{version}-py3-none-any.whl", sha256(wheel))


def write_pin(checkout: Checkout, wheel: bytes, files: Mapping[str, bytes], version: str = "1.0") -> None:
    """Pins `wheel` whatever is in it."""
    release = release_of(wheel, version)
    manifest = Manifest(release, {"LICENSE": "MIT"}, {}, {name: sha256(text) for name, text in files.items()})
    texts = {RELEASE_FILE: release.text(), MANIFEST_FILE: manifest.text()}
    write_tree(checkout.root, {name: text.encode() for name, text in texts.items()})


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below by path, without git's own."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not {".git", "__pycache__"} & {*path.relative_to(folder).parts}
    }


def placed(checkout: Checkout) -> dict[str, bytes]:
    """The vendored files."""
    return {name: data for name, data in contents(checkout.folder).items() if name.startswith(("moshi/", "LICENSE"))}


def refused(arguments: list[str], checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> str:
    """Runs a command that must be refused with one line and without a change; gives the line."""
    before = contents(checkout.root)
    capsys.readouterr()
    assert main(arguments, checkout) == 3
    assert contents(checkout.root) == before
    line = capsys.readouterr().err
    assert line.startswith("update_moshi: ")
    assert line.count("\n") == 1
    return line


def git(folder: Path, *arguments: str) -> str:
    identity = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = os.environ | identity | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    command = ["git", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def make_repository(root: Path, patches: Mapping[str, bytes] | None = None) -> Checkout:
    """A git checkout with a backend that pins FIRST as 1.0; it is placed, and its archive is in the cache."""
    checkout = Checkout(root)
    wheel = make_wheel(FIRST)
    store(wheel)
    files = {
        **{f"{PATCHES}{name}": data for name, data in (patches or {}).items()},
        PACKAGING_FILE: (ROOT / PACKAGING_FILE).read_bytes(),
        "third_party/moshi/.gitignore": (ROOT / "third_party/moshi/.gitignore").read_bytes(),
        "README.md": b"ours\n",
        "moshi/src/moshi_backend/model.py": BACKEND,
    }
    write_tree(root, files)
    write_tree(root, make_pin(checkout, release_of(wheel), wheel).generated)
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
