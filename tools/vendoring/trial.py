"""A release tried before it is placed: in a copy of the checkout, by processes of their own.

Compared are the codes and tokens of the tests' random model (`probe`), and run are the backend's contract tests.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from vendoring.checkout import PACKAGING_FILE, PATCHES, Checkout
from vendoring.dependencies import outdated_in
from vendoring.errors import Refused
from vendoring.manifest import NAME
from vendoring.pin import Pin
from vendoring.placement import FOLDER

LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "moshi/requirements.lock",
    "frontend/requirements.lock",
    "nix/wheels.json",
)
MODEL_TESTS = "test_moshi_model.py"
TESTS = "test_moshi_*.py"
_STATE = ".state"
_PREFIX = "update-"


@dataclass
class Trial:
    """
    Attributes:
        notes: what was seen, a line each.
        problems: what is not as before, or fails; a line each.
        locks: the locks that had to be made anew.
    """

    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    locks: dict[str, bytes] = field(default_factory=dict)


def try_out(checkout: Checkout, pin: Pin) -> Trial:
    """
    Raises:
        Refused: the locks cannot be made for the release, or a program that is needed does not run.
    """
    trial = Trial()
    with _copy(checkout, pin) as copy:
        python = Path(sys.executable)
        lock = copy / "moshi" / "requirements.lock"
        wrong = outdated_in(lock.read_text(), pin.metadata) if lock.exists() else []
        if wrong:
            python = _lock_anew(checkout, copy, wrong, trial)
        _compare_tokens(checkout, copy, python, trial)
        _run_contract_tests(copy, python, trial)
    return trial


@contextmanager
def _copy(checkout: Checkout, pin: Pin) -> Iterator[Path]:
    """What git tracks, with the new pin in place."""
    state = checkout.root / _STATE
    state.mkdir(exist_ok=True)
    for leftover in state.glob(f"{_PREFIX}*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=state) as scratch:
        copy = Path(scratch)
        for name in filter(None, checkout.git("ls-files", "-z").decode().split("\0")):
            if not name.startswith(f"{FOLDER}/{NAME}/") and (checkout.root / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(checkout.root / name, copy / name)
        placed = {(FOLDER / name).as_posix(): data for name, data in pin.placed.items()}
        patches = {f"{PATCHES}/{name}": data for name, data in checkout.patches().items()}
        for name, data in {**placed, **pin.written, **patches}.items():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes(data)
        _pretend_installed(copy, pin)
        yield copy


def _pretend_installed(copy: Path, pin: Pin) -> None:
    """What the backend reads of the installed package: the environment still has the metadata of the old one."""
    release = pin.manifest.release
    info = copy / FOLDER / f"{NAME}-{release.version}.dist-info"
    info.mkdir()
    source = next(line for line in pin.written[PACKAGING_FILE].decode().splitlines() if line.startswith("Source = "))
    link = source.split('"')[1]
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {NAME}\nVersion: {release.version}\nProject-URL: Source, {link}\n"
    )


def _lock_anew(checkout: Checkout, copy: Path, wrong: list[str], trial: Trial) -> Path:
    """Makes the locks and an environment of them in the copy; gives its Python."""
    trial.notes.append(f"the locks do not fit ({'; '.join(wrong)}), so they were made anew")
    bootstrap = checkout.root / ".bootstrap"
    if bootstrap.exists():
        (copy / ".bootstrap").symlink_to(bootstrap)
    for step in ("lock", "setup-python", "setup-tests"):
        ran = _run([copy / "tools" / step], copy, {})
        if ran.returncode != 0:
            lines = [line for line in (ran.stderr + ran.stdout).splitlines() if line.strip()]
            raise Refused(
                f"the release does not fit our locks ({'; '.join(wrong)}) and tools/{step} found no others: "
                f"{' '.join(line.strip() for line in lines[-4:]) or ran.returncode}; change moshi/pyproject.toml first"
            )
    for name in LOCKS:
        data = (copy / name).read_bytes()
        if data != (checkout.root / name).read_bytes():
            trial.locks[name] = data
    return copy / ".venv" / "bin" / "python"


def _compare_tokens(checkout: Checkout, copy: Path, python: Path, trial: Trial) -> None:
    said: list[dict[str, Any]] = []
    folders: list[Path] = []
    for root, interpreter in ((checkout.root, Path(sys.executable)), (copy, python)):
        folder = copy / f"said-{len(said)}"
        folder.mkdir()
        folders.append(folder)
        probe = Path(__file__).with_name("probe.py")
        ran = _run([interpreter, "-P", probe, folder], copy, _paths(root))
        if ran.returncode != 0:
            trial.problems.append(f"the random model does not load: {_last_line(ran)}")
            return
        said.append(json.loads((folder / "said.json").read_text()))
    before, after = said
    for part in before:
        found = _difference(before[part], after[part])
        if found:
            trial.problems.append(f"{part}: {found}")
        else:
            sound = _sound_difference(*(folder / f"{part}.npy" for folder in folders))
            trial.notes.append(f"{part}: {len(after[part])} frames, every one as before{sound}")


def _difference(before: list[list[int]] | str, after: list[list[int]] | str) -> str:
    """How one part of what the model says differs; nothing where it does not."""
    if isinstance(after, str):
        return f"fails with {after}"
    if isinstance(before, str):
        return f"failed before, with {before}, and does not now"
    frames = [index for index, (old, new) in enumerate(zip(before, after, strict=False)) if old != new]
    if len(before) != len(after):
        return f"{len(after)} frames, not {len(before)}"
    if not frames:
        return ""
    first = frames[0]
    places = [
        str(place) for place, (old, new) in enumerate(zip(before[first], after[first], strict=False)) if old != new
    ]
    return (
        f"{len(frames)} of {len(after)} frames differ, the first is {first}, in tokens {', '.join(places)}: "
        f"{before[first]} became {after[first]}"
    )


def _sound_difference(before: Path, after: Path) -> str:
    import numpy as np

    old, new = np.load(before), np.load(after)
    return f"; the sound differs by at most {np.abs(old - new).max():.1g}" if old.size else ""


def _run_contract_tests(copy: Path, python: Path, trial: Trial) -> None:
    folder = copy / "tests" / "contract"
    model, others = folder / MODEL_TESTS, sorted(folder.glob(TESTS))
    if not model.is_file():
        raise Refused(f"there is no tests/contract/{MODEL_TESTS} to try the release with")
    # A model that does not work makes a service that does not start, for which its tests would wait long.
    if _passes(copy, python, [model], trial):
        _passes(copy, python, [file for file in others if file != model], trial)
    elif len(others) > 1:
        trial.notes.append(f"the other {TESTS} were not run")


def _passes(copy: Path, python: Path, files: list[Path], trial: Trial) -> bool:
    if not files:
        return True
    results = copy / "results.xml"
    results.unlink(missing_ok=True)
    options = ("-q", "-p", "no:cacheprovider", f"--junitxml={results}")
    ran = _run([python, "-m", "pytest", *options, *files], copy, _paths(copy))
    try:
        cases = list(ElementTree.parse(results).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        trial.problems.append(f"the contract tests do not run: {_last_line(ran)}")
        return False
    reasons: dict[str, list[str]] = {}
    for case in cases:
        for kind in ("failure", "error"):
            if (found := case.find(kind)) is not None:
                lines = (found.get("message") or "").splitlines()
                reasons.setdefault(lines[0] if lines else kind, []).append(str(case.get("name")))
    failed = sum(map(len, reasons.values()))
    trial.problems += [f"{reason}, in {', '.join(tests)}" for reason, tests in reasons.items()]
    skipped = sum(case.find("skipped") is not None for case in cases)
    names = ", ".join(test.name for test in files)
    passed = len(cases) - failed - skipped
    trial.notes.append(f"{names}: {passed} passed, {failed} failed, {skipped} skipped")
    if ran.returncode != 0 and not failed:
        trial.problems.append(f"the contract tests end with {ran.returncode}: {_last_line(ran)}")
    return ran.returncode == 0


def _paths(root: Path) -> dict[str, str]:
    """The Moshi and the backend of one checkout, before what the environment has installed."""
    folders = [root / FOLDER, root / "moshi" / "src"]
    return {"PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONDONTWRITEBYTECODE": "1", "NO_TORCH_COMPILE": "1"}


def _run(command: list[str | Path], folder: Path, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        command, cwd=folder, env=environment | settings, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def _last_line(ran: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (ran.stdout + ran.stderr).splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit code {ran.returncode}"
