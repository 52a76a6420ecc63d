"""What the doctor says of what it finds."""

import json
from pathlib import Path

import pytest

from moshi_backend.doctor import machine
from moshi_backend.doctor.finding import Finding
from moshi_backend.doctor.report import as_json, as_table, is_well

FOUND = [
    Finding("one", "ok", "there"),
    Finding("another", "failed", "not there", "get it"),
    Finding("third", "skipped", "not needed", "never told"),
]


def test_the_table_tells_what_to_do_only_where_something_is_to_be_done() -> None:
    assert as_table(FOUND, colour=False).splitlines() == [
        "ok    one      there",
        "FAIL  another  not there",
        "               -> get it",
        "-     third    not needed",
        "something that is needed is missing",
    ]
    assert "\033[31mFAIL" in as_table(FOUND, colour=True)


def test_machines_get_the_same() -> None:
    told = json.loads(as_json(FOUND))
    assert told["ok"] is False
    assert told["checks"][1] == {"check": "another", "status": "failed", "detail": "not there", "fix": "get it"}
    assert is_well(FOUND[:1])


@pytest.mark.parametrize(
    ("capability", "status"),
    [((7, 5), "warning"), ((8, 0), "ok"), ((9, 0), "ok"), ((10, 0), "failed"), ((12, 0), "failed")],
)
def test_a_gpu_is_judged_by_what_the_build_of_pytorch_knows(capability: tuple[int, int], status: str) -> None:
    finding = machine.gpu("a GPU", 80, capability)
    assert finding.status == status
    assert "a GPU, 80 GiB" in finding.detail


def test_a_folder_that_cannot_be_written_is_a_failure_with_its_variable(tmp_path: Path) -> None:
    assert machine.writable("cache", tmp_path / "new", "HF_HOME").status == "ok"
    (tmp_path / "file").touch()
    finding = machine.writable("cache", tmp_path / "file", "HF_HOME")
    assert finding.status == "failed"
    assert "HF_HOME" in finding.fix


@pytest.mark.parametrize(
    ("engines", "status", "detail"),
    [
        ({}, "skipped", "neither docker nor podman; needed only for the images"),
        ({"docker": False}, "skipped", "no answer from docker; needed only for the images"),
        ({"docker": False, "podman": True}, "ok", "podman version 1"),
        ({"docker": True, "podman": True}, "ok", "docker version 1"),
    ],
)
def test_a_container_runtime_is_one_that_answers(
    engines: dict[str, bool], status: str, detail: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker's command may be there without its daemon."""
    for name, answers in engines.items():
        program = tmp_path / name
        daemon = "" if answers else '[ "$1" = version ] && exit 1\n'
        program.write_text(f"#!/bin/sh\n{daemon}echo {name} version 1\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    runtime, toolkit = machine.containers()
    assert (runtime.status, runtime.detail) == (status, detail)
    assert toolkit.status == "skipped"
