"""The doctor as a command."""

import json
import subprocess
from pathlib import Path

from support.checkpoints import RANDOM_MODEL, in_cache
from support.hub import COMMIT, Hub, running_hub
from support.services import BIN, clean_environment, free_port


def doctor(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = clean_environment(
        MOSHI_PORT=str(free_port()), MOSHI_STATE_DIR=str(folder / "state"), HF_HOME=str(folder / "hf"), **settings
    )
    return subprocess.run(
        [BIN / "moshi-backend", "doctor", *arguments], env=environment, capture_output=True, text=True, timeout=60
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


def _of_hub(hub: Hub, folder: Path) -> dict[str, dict[str, str]]:
    said = doctor(folder, "--json", MOSHI_MODEL="org/model", HF_ENDPOINT=hub.url, HF_TOKEN="hf_token")
    assert "hf_token" not in said.stdout + said.stderr
    return {check["check"]: check for check in json.loads(said.stdout)["checks"]}


def test_a_licence_that_is_not_accepted_is_found_before_the_first_start(tmp_path: Path) -> None:
    with running_hub(RANDOM_MODEL) as hub:
        checks = _of_hub(hub, tmp_path)
        assert (checks["licence"]["status"], checks["weights"]["status"]) == ("ok", "warning")
        assert checks["clock"]["status"] == "ok"
        hub.status, hub.error_code = 403, "GatedRepo"
        refused = _of_hub(hub, tmp_path)["licence"]
    assert refused["status"] == "failed"
    assert f"log in at {hub.url}/org/model and accept it" in refused["fix"]


def test_a_refusal_by_the_hub_is_only_a_warning_if_the_cache_is_complete(tmp_path: Path) -> None:
    """The service starts from the cache."""
    in_cache(tmp_path / "hf" / "hub", RANDOM_MODEL, "org/model", COMMIT)
    with running_hub(RANDOM_MODEL) as hub:
        for hub.status, hub.error_code in ((401, ""), (403, "GatedRepo"), (503, "")):
            checks = _of_hub(hub, tmp_path)
            assert checks["weights"]["status"] == "ok"
            assert "failed" not in {checks[name]["status"] for name in ("weights", "hub token", "licence", "cache")}
