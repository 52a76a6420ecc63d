"""tools/update_moshi.sh with the real pip, the real release, a real checkpoint."""

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path

import moshi
import pytest

from support.vendored import (
    FIRST,
    RELEASED,
    SECOND,
    as_wheel,
    commit,
    copy_tool,
    git,
    make_archive,
    release_archive,
    write_pin,
)
from vendoring import source
from vendoring.checkout import Checkout
from vendoring.made import current_pin
from vendoring.manifest import Refused, Release, sha256
from vendoring.trial import THEN, Trial, try_out

ROOT = Path(__file__).parents[3]
PROJECT = b'[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'


# What is installed here is what the manifest says


def test_vendoring_again_from_scratch_gives_every_file_that_is_here(tmp_path: Path) -> None:
    """The archive by its pinned hash; then patches, manifest, packaging and bill of materials."""
    ran = subprocess.run([ROOT / "tools/update_moshi.sh", "verify", "--from-scratch"], capture_output=True, text=True)
    assert (ran.stdout, ran.returncode) == ("as pinned\n", 0), ran.stderr

    fresh = tmp_path / "fresh"
    placed = shutil.ignore_patterns("moshi", "LICENSE*", ".placed.json")
    shutil.copytree(ROOT / "third_party/moshi", fresh / "third_party/moshi", ignore=placed)
    copy_tool(fresh)
    for file in ("tools/update_moshi.sh", "MOSHI_VERSION"):
        shutil.copy(ROOT / file, fresh / file)
    environment = os.environ | {"PYTHON": str(Path(sys.base_prefix, "bin", "python3"))}
    ran = subprocess.run([fresh / "tools/update_moshi.sh", "sync"], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert files_below(fresh / "third_party/moshi/moshi") == files_below(ROOT / "third_party/moshi/moshi")


def files_below(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_what_the_environment_imports_is_what_is_placed() -> None:
    folder = ROOT / "third_party/moshi"
    assert moshi.__file__ == str(folder / "moshi/__init__.py")
    loaded = {
        Path(file)
        for name, module in sys.modules.items()
        if name.partition(".")[0] == "moshi" and (file := getattr(module, "__file__", None))
    }
    manifest = Checkout(ROOT).manifest()
    assert len(loaded) > 10
    for file in loaded:
        assert manifest.files[file.relative_to(folder).as_posix()] == hashlib.sha256(file.read_bytes()).hexdigest()
    installed = [found for found in metadata.distributions() if found.metadata["Name"] == "moshi"]
    assert [found.version for found in installed] == [manifest.release.version]


# The package index: a real pip, from a folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the index has, of files; the only index there is."""
    result = tmp_path / "index"
    result.mkdir()
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(result))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return result


def release(archive: str, data: bytes) -> Release:
    return Release("1.2.3", "unknown", archive, sha256(data))


def trapped(canary: Path) -> dict[str, bytes]:
    """RELEASED as an archive that shows when its code runs."""
    trap = f"open({str(canary)!r}, 'w').close()\n".encode()
    return RELEASED | {"moshi/__init__.py": trap, "setup.py": trap, "pyproject.toml": PROJECT}


def test_the_download_runs_nothing_of_the_archive(folder: Path, tmp_path: Path) -> None:
    data = make_archive(trapped(tmp_path / "canary"))
    (folder / "moshi-1.2.3.tar.gz").write_bytes(data)
    assert source.download(release("moshi-1.2.3.tar.gz", data)) == data
    assert source.find("1.2.3") == ("moshi-1.2.3.tar.gz", data)
    assert not (tmp_path / "canary").exists()


def test_another_archive_than_the_pinned_one_is_refused_before_it_is_opened(folder: Path, tmp_path: Path) -> None:
    (folder / "moshi-1.2.3.tar.gz").write_bytes(make_archive(trapped(tmp_path / "canary")))
    with pytest.raises(Refused, match=r"pip could not get moshi-1\.2\.3\.tar\.gz \(") as refusal:
        source.download(release("moshi-1.2.3.tar.gz", b"other"))
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "canary").exists()


def test_a_release_without_a_source_archive_comes_as_its_wheel(folder: Path) -> None:
    tag = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    metadata = b"Metadata-Version: 2.1\nName: moshi\nVersion: 1.2.3\n"
    wheel = as_wheel(RELEASED | {"moshi-1.2.3.dist-info/WHEEL": tag}, metadata, "1.2.3")
    name = "moshi-1.2.3-py3-none-any.whl"
    (folder / name).write_bytes(wheel)
    assert source.find("1.2.3") == (name, wheel)
    assert source.download(release(name, wheel)) == wheel


def test_the_index_says_which_versions_there_are(folder: Path) -> None:
    for version in ("1.0", "2.0", "3.0rc1"):
        (folder / f"moshi-{version}.tar.gz").write_bytes(release_archive(version, FIRST))
    assert source.versions() == ["2.0", "1.0"]
    with pytest.raises(Refused, match=r"has no moshi 7\.0; it has 2\.0, 1\.0"):
        source.find("7.0")


def test_an_index_that_does_not_answer_says_what_to_do(folder: Path) -> None:
    with pytest.raises(Refused, match="check the network and pip's index settings"):
        source.versions()


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An index over HTTP, whose pages name hashes."""
    handler = functools.partial(_Quiet, directory=str(tmp_path / "served"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
    try:
        page = tmp_path / "served" / "simple" / "moshi"
        page.mkdir(parents=True)
        yield page
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("honest", [True, False])
def test_an_archive_that_is_not_what_the_index_says_is_refused(served: Path, honest: bool) -> None:
    data = release_archive("2.0", SECOND | {"pyproject.toml": PROJECT})
    (served / "moshi-2.0.tar.gz").write_bytes(data)
    digest = sha256(data if honest else b"something else")
    (served / "index.html").write_text(f'<a href="moshi-2.0.tar.gz#sha256={digest}">moshi-2.0.tar.gz</a>')
    if honest:
        assert source.find("2.0") == ("moshi-2.0.tar.gz", data)
    else:
        with pytest.raises(Refused, match="DO NOT MATCH THE HASHES"):
            source.find("2.0")


def test_without_pip_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "has_pip", lambda python: False)
    source._python_with_pip.cache_clear()
    try:
        with pytest.raises(Refused, match="has no pip; use a Python that has, or --archive FILE"):
            source.versions()
    finally:
        source._python_with_pip.cache_clear()


# Set-up's Python, which may be older than the services' and has none of their packages


@pytest.mark.parametrize("command", ["sync", "verify"])
def test_what_set_up_runs_needs_the_standard_library_only(command: str, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout")
    checkout.folder.mkdir(parents=True)
    data = make_archive(RELEASED)
    write_pin(checkout, data, RELEASED)
    (tmp_path / "release.tar.gz").write_bytes(data)
    copy_tool(checkout.root)
    # -S leaves even that Python's own packages out.
    python = [str(Path(sys.base_prefix, "bin", "python3")), "-S", str(checkout.root / "tools/vendoring")]
    options = ["--archive", str(tmp_path / "release.tar.gz")] if command == "sync" else []
    ran = subprocess.run([*python, command, *options], capture_output=True, text=True)
    assert ran.returncode == (0 if command == "sync" else 1), ran.stderr
    ran = subprocess.run([*python, "diff", "1", "2"], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (
        3,
        "update_moshi: [package-missing] packaging is not installed here; run make setup-tests first\n",
    )


# The trial


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """This checkout as a repository of its own, with the contract test of the tokens and one of the copy."""
    root = tmp_path_factory.mktemp("trial") / "checkout"
    folders = ("moshi/src", "service/src", "third_party/moshi", "tests/fixtures/random_model")
    for name in (*folders, "MOSHI_VERSION", "moshi/requirements.lock", "pyproject.toml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name)
        else:
            shutil.copy(ROOT / name, root / name)
    tests = root / "tests/contract/moshi"
    tests.mkdir(parents=True)
    for name in ("test_tokens.py", "golden_tokens.json"):
        shutil.copy(ROOT / "tests/contract/moshi" / name, tests)
    for name in THEN:
        (tests / name).write_text("def test_of_the_service() -> None:\n    pass\n")
    (tests / "test_model.py").write_text(
        "import moshi\nfrom pathlib import Path\nfrom moshi_backend.model import upstream\n\n\n"
        "def test_of_the_copy():\n"
        "    assert Path(moshi.__file__).is_relative_to(Path(__file__).parents[3])\n"
        "    assert upstream.version() == moshi.__version__\n"
    )
    (root / ".gitignore").write_text("/.state/\n__pycache__/\n")
    git(root, "init", "-q")
    commit(root)
    return Checkout(root)


def changed(copy: Checkout, edits: Mapping[str, tuple[str, str]]) -> Trial:
    """The trial of the pinned release with other contents."""
    pin = current_pin(Checkout(ROOT))
    placed = dict(pin.placed)
    for name, (old, new) in edits.items():
        assert old.encode() in placed[name]
        placed[name] = placed[name].replace(old.encode(), new.encode())
    trial = try_out(copy, type(pin)(pin.manifest, pin.metadata, placed, pin.written))
    assert not list((copy.root / ".state").iterdir())
    return trial


def test_a_trial_of_the_same_release_finds_it_the_same(copy: Checkout) -> None:
    trial = changed(copy, {})
    assert trial.problems == []
    assert [re.sub(r" in [\d.]+s.*", "", note) for note in trial.notes] == [
        "test_tokens.py, test_model.py: 5 passed",
        "test_service.py, test_limits.py, test_ending.py: 3 passed",
    ]


def test_a_trial_says_which_tokens_and_tests_differ(copy: Checkout) -> None:
    trial = changed(
        copy,
        {
            # The angle of every position, in upstream's transformers; our engine computes its own.
            "moshi/modules/rope.py": ("freqs * ts", "freqs * ts * 1.5"),
            "moshi/__init__.py": ('__version__ = "', '__version__ = "not '),
        },
    )
    assert [problem.split(": ")[0] for problem in trial.problems] == [
        "test_tokens.py::test_the_random_models_tokens_are_the_recorded_ones[codes]",
        "test_tokens.py::test_the_random_models_tokens_are_the_recorded_ones[upstream]",
        "test_model.py::test_of_the_copy",
    ]
    assert "frames differ, the first is" in trial.problems[0]
    assert trial.notes[-1] == "test_service.py, test_limits.py, test_ending.py: not run"
