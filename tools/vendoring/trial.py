"""A release tried before it is placed: the contract tests of the model, in a copy of the checkout.

Among them is `test_tokens.py`: the codes and greedy tokens of the tests' random model must be the recorded ones.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from vendoring import errors
from vendoring.checkout import FOLDER, PACKAGING_FILE, PATCHES, Checkout
from vendoring.made import Pin, outdated_in
from vendoring.manifest import NAME, Refused
from vendoring.swap import write_tree

LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "moshi/requirements.lock",
    "frontend/requirements.lock",
    "nix/wheels.json",
)
TESTS = "tests/contract/moshi"
FIRST = ("test_tokens.py", "test_model.py")
"""The tests of the model alone. If it fails, the service does not start, and its tests would wait long for it."""
THEN = ("test_service.py", "test_limits.py", "test_ending.py")
"""The tests of the service with that model."""


@dataclass
class Trial:
    """
    Attributes:
        notes: the findings, a line each.
        problems: the differences and failures, a line each.
        locks: the locks that had to be made anew.
    """

    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    locks: dict[str, bytes] = field(default_factory=dict)


def try_out(checkout: Checkout, pin: Pin) -> Trial:
    """
    Raises:
        Refused: the locks cannot be made for the release, or the tests are not there.
    """
    trial = Trial()
    with _copy(checkout, pin) as copy:
        python = Path(sys.executable)
        lock = copy / "moshi" / "requirements.lock"
        if wrong := outdated_in(lock.read_text(), pin.metadata) if lock.exists() else []:
            trial.notes.append(f"the locks do not fit ({'; '.join(wrong)}), so they were made anew")
            python = _lock_anew(checkout, copy, wrong)
            made = {name: (copy / name).read_bytes() for name in LOCKS}
            trial.locks = {name: data for name, data in made.items() if data != (checkout.root / name).read_bytes()}
        for name in (*FIRST, *THEN):
            if not (copy / TESTS / name).is_file():
                raise Refused(errors.trial_without_test(f"{TESTS}/{name}"))
        _run_tests(copy, python, FIRST, trial)
        if trial.problems:
            trial.notes.append(f"{', '.join(THEN)}: not run")
        else:
            _run_tests(copy, python, THEN, trial)
    return trial


@contextmanager
def _copy(checkout: Checkout, pin: Pin) -> Iterator[Path]:
    """The files that git tracks, with the new pin in place."""
    state = checkout.root / ".state"
    state.mkdir(exist_ok=True)
    for leftover in state.glob("update-*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix="update-", dir=state) as scratch:
        copy = Path(scratch)
        for name in filter(None, checkout.git("ls-files", "-z").decode().split("\0")):
            if not name.startswith(f"{FOLDER}/{NAME}/") and (checkout.root / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(checkout.root / name, copy / name)
        # The environment has the metadata of the old release; the backend reads its version and source from there.
        release = pin.manifest.release
        source = re.findall(r'^Source = "(.*)"$', pin.written[PACKAGING_FILE].decode(), re.MULTILINE)[0]
        metadata = f"Metadata-Version: 2.4\nName: {NAME}\nVersion: {release.version}\nProject-URL: Source, {source}\n"
        installed = {f"{NAME}-{release.version}.dist-info/METADATA": metadata.encode()}
        write_tree(copy / FOLDER, {**pin.placed, **installed})
        write_tree(copy / PATCHES, checkout.patches())
        write_tree(copy, pin.written)
        yield copy


def _lock_anew(checkout: Checkout, copy: Path, wrong: list[str]) -> Path:
    """Makes the locks and an environment of them in the copy; returns its Python."""
    bootstrap = checkout.root / ".bootstrap"
    if bootstrap.exists():
        (copy / ".bootstrap").symlink_to(bootstrap)
    for step in ("lock", "setup-python", "setup-tests"):
        ran = _run([copy / "tools" / step], copy, {})
        if ran.returncode != 0:
            raise Refused(errors.locks_do_not_fit("; ".join(wrong), step, _end(ran, 4)))
    return copy / ".venv" / "bin" / "python"


def _run_tests(copy: Path, python: Path, tests: tuple[str, ...], trial: Trial) -> None:
    # The Moshi and the backend of the copy come before those that the environment has installed.
    paths = os.pathsep.join(map(str, (copy / FOLDER, copy / "moshi" / "src", copy / "service" / "src")))
    settings = {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "NO_TORCH_COMPILE": "1", "COLUMNS": "1000"}
    command: list[str | Path] = [python, "-m", "pytest", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider"]
    command += [copy / TESTS / test for test in tests]
    ran = _run(command, copy, settings)
    failed = re.findall(r"^(?:FAILED|ERROR) \S*?([^/\s]+\.py\S*)(?: - (.*))?$", ran.stdout, re.MULTILINE)
    trial.problems += [f"{test}: {reason or 'fails'}" for test, reason in failed]
    trial.notes.append(f"{', '.join(tests)}: {_end(ran)}")
    if ran.returncode != 0 and not failed:
        trial.problems.append(f"the contract tests end with {ran.returncode}: {_end(ran)}")


def _run(command: list[str | Path], folder: Path, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        command, cwd=folder, env=environment | settings, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def _end(ran: subprocess.CompletedProcess[str], count: int = 1) -> str:
    """The last lines that a process wrote, or its exit code."""
    lines = [line.strip() for line in (ran.stderr + ran.stdout).splitlines() if line.strip()]
    return " ".join(lines[-count:]) or f"exit code {ran.returncode}"
