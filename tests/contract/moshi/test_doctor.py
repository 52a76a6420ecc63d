"""The doctor as a command, and before a hub."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants, file_download

from moshi_backend.doctor.finding import Finding
from moshi_backend.doctor.hub import checks
from moshi_backend.doctor.report import as_json
from moshi_backend.settings import Settings
from support.checkpoints import RANDOM_MODEL, in_cache
from support.hub import COMMIT, Hub, running_hub
from support.services import BIN, clean_environment, free_port

PATH = "{repo_id}/resolve/{revision}/{filename}"


def doctor(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = clean_environment(
        MOSHI_PORT=str(free_port()), MOSHI_STATE_DIR=str(folder / "state"), HF_HOME=str(folder / "hf")
    )
    return subprocess.run(
        [BIN / "moshi-backend", "doctor"], env=environment, capture_output=True, text=True, timeout=60
    )


def test_a_machine_that_can_run_the_demo_is_well(tmp_path: Path) -> None:
    said = doctor(tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.endswith("everything that is needed is there\n")
    assert "\033" not in said.stdout


def test_a_port_in_use_is_found(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = clean_environment(MOSHI_PORT=str(port), MOSHI_STATE_DIR=str(tmp_path))
        said = subprocess.run(
            [BIN / "moshi-backend", "doctor", "--json"], env=environment, capture_output=True, text=True, timeout=60
        )
    assert said.returncode == 1
    failed = [check for check in json.loads(said.stdout)["checks"] if check["status"] == "failed"]
    assert [check["check"] for check in failed] == ["port"]
    assert "MOSHI_PORT" in failed[0]["fix"]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The client reads its variables when it is imported."""
    with running_hub(RANDOM_MODEL) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", f"{hub.url}/{PATH}")
        monkeypatch.setenv("HF_TOKEN", "hf_token")
        yield hub


def of_hub() -> dict[str, Finding]:
    findings = checks(Settings(model="org/model"))
    assert "hf_token" not in as_json(findings)
    return {finding.check: finding for finding in findings}


def test_a_licence_that_is_not_accepted_is_found_before_the_first_start(hub: Hub) -> None:
    found = of_hub()
    assert (found["licence"].status, found["weights"].status) == ("ok", "warning")
    assert found["clock"].status == "ok"
    hub.status, hub.error_code = 403, "GatedRepo"
    refused = of_hub()["licence"]
    assert refused.status == "failed"
    assert f"log in at {hub.url}/org/model and accept it" in refused.fix


def test_a_refusal_by_the_hub_is_only_a_warning_if_the_cache_is_complete(hub: Hub, tmp_path: Path) -> None:
    """The service starts from the cache."""
    in_cache(tmp_path / "hub", RANDOM_MODEL, "org/model", COMMIT)
    for hub.status, hub.error_code in ((401, ""), (403, "GatedRepo"), (503, "")):
        found = of_hub()
        assert found["weights"].status == "ok"
        assert "failed" not in {found[name].status for name in ("weights", "hub token", "licence", "cache")}
