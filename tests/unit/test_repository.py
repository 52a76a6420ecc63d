"""What must stay true of the tree as a whole."""

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = ("requirements.lock", "moshi/requirements.lock", "frontend/requirements.lock")
LOCKS = (*RUN, "requirements-dev.lock", "tools/bootstrap.lock")


def tracked() -> list[Path]:
    """What git would have in a clone, by path; nothing where the sources are not a git checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    return [Path(name) for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def python_files(*folders: str) -> list[Path]:
    """Without git, which the sources of a Nix build do not have."""
    return [file for folder in folders for file in (ROOT / folder).rglob("*.py") if "node_modules" not in file.parts]


def pinned(lock: str) -> dict[str, str]:
    lines = (ROOT / lock).read_text().splitlines()
    return dict(line.split(" ")[0].split("==") for line in lines if "==" in line)


def imported(*places: Path) -> set[str]:
    """The top-level modules that files import. A folder stands for all its files."""
    names: set[str] = set()
    for file in (file for place in places for file in ([place] if place.is_file() else place.rglob("*.py"))):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_a_hash_for_every_package_and_names_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert [entry.partition(" ")[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_services_run_with_the_versions_that_are_tested() -> None:
    tested = pinned("requirements-dev.lock")
    for lock in RUN:
        assert {name: version for name, version in pinned(lock).items() if tested.get(name) != version} == {}


def test_running_installs_nothing_that_only_tests_need() -> None:
    run, tested = pinned("requirements.lock"), pinned("requirements-dev.lock")
    services = {**pinned("moshi/requirements.lock"), **pinned("frontend/requirements.lock")}
    assert run.items() >= services.items()
    only_tests = {"pytest", "mypy", "ruff", "playwright", "schemathesis", "matplotlib", "faster-whisper"}
    assert only_tests <= tested.keys() - run.keys()


def test_torch_is_the_cuda_12_1_build_and_every_nvidia_library_is_of_that_release() -> None:
    versions = pinned("moshi/requirements.lock")
    assert versions["torch"] == "2.4.1"
    assert versions["nvidia-cuda-runtime-cu12"].startswith("12.1.")
    assert versions["nvidia-nvjitlink-cu12"].startswith("12.1.")


def test_the_frontend_carries_no_model() -> None:
    assert {"torch", "sphn", "moshi"}.isdisjoint(pinned("frontend/requirements.lock"))


@pytest.mark.parametrize("folder", ["frontend/web", "tests/clients", "tools/aspire", "tools/prose"])
def test_a_lock_of_node_packages_names_no_host(folder: str) -> None:
    lock = json.loads((ROOT / folder / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert [name for name, entry in packages.items() if "resolved" in entry or "integrity" not in entry] == []


def test_imports_point_one_way() -> None:
    assert {"moshi", "moshi_backend", "torch"}.isdisjoint(imported(ROOT / "frontend/src"))
    assert "moshi_frontend" not in imported(ROOT / "moshi/src")
    assert {"moshi_backend", "moshi_frontend", "moshi", "torch"}.isdisjoint(imported(ROOT / "service/src"))


def test_only_the_model_and_its_files_know_upstreams_classes() -> None:
    package = ROOT / "moshi/src/moshi_backend"
    knowing = {
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if re.search(r"^from moshi\.", file.read_text(), re.MULTILINE)
    }
    assert {file for file in knowing if not file.startswith("model/")} == {
        "checkpoint/fit.py",
        "checkpoint/locate.py",
        "checkpoint/shape.py",
    }


def test_the_scheduling_is_pure() -> None:
    """It knows no thread, no socket, no clock and no tensor."""
    package = ROOT / "moshi/src/moshi_backend"
    policies = (
        "conversation/admission.py",
        "conversation/limits.py",
        "conversation/throttle.py",
        "engine/scheduler.py",
    )
    assert imported(*(package / policy for policy in policies)) <= {"collections", "dataclasses", "typing"}


def test_upstreams_code_is_not_tracked() -> None:
    kept = [path for path in tracked() if path.is_relative_to("third_party/moshi")]
    assert [path.name for path in kept if path.suffix == ".py" or path.name.startswith("LICENSE")] == []


def test_browser_tests_type_keys() -> None:
    """`fill()` sets a value without any key, and so passes where a shortcut takes the keys away."""
    tests = python_files("tests/e2e")
    assert len(tests) > 20
    assert [test.name for test in tests if ".fill(" in test.read_text()] == []


def test_no_docstring_of_the_services_and_tools_begins_with_a_clause() -> None:
    """The subject is a noun: "The names of …" instead of "What it is called"."""
    sources = python_files("moshi/src", "service/src", "frontend/src", "tools")
    assert len(sources) > 250
    found = re.compile(r'^.*(?:"""|# )(?:What|Whatever|Who|Whoever)\b.*$', re.MULTILINE)
    assert {path.name: lines for path in sources if (lines := found.findall(path.read_text()))} == {}


def test_the_changelog_has_a_place_for_what_is_next() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("folder", ["moshi/src/moshi_backend/demo", "tests/fixtures/random_model"])
def test_a_model_that_is_committed_takes_at_most_4_megabytes(folder: str) -> None:
    sizes = {file.name: file.stat().st_size for file in (ROOT / folder).iterdir()}
    assert {"config.json", "mimi.json", "mimi.safetensors", "model.safetensors", "tokenizer.model"} == sizes.keys()
    assert sum(sizes.values()) <= 4_000_000


def test_the_placed_upstream_is_exactly_the_pinned_one() -> None:
    verified = subprocess.run([ROOT / "tools/update_moshi.sh", "verify"], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr
