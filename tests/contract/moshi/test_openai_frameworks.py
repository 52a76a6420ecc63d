"""LiveKit, Pipecat and OpenAI's agents, unmodified, from locked packages, with a URL and a key: the documented recipes.

They talk through the frontend with a model in PersonaPlex's shape, which takes the role that frameworks send.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import personaplex_checkpoint
from support.documents import blocks
from support.services import Service, clean_environment, running_frontend, running_moshi

ROOT = Path(__file__).parents[3]
CLIENTS = ROOT / "tests/clients"
KEY = "sesame-of-the-frameworks"
SECONDS = 2.0
"""Of sound, that each client waits for."""


@pytest.fixture(scope="module")
def python() -> Path:
    """Python with the frameworks' packages."""
    set_up = subprocess.run([ROOT / "tools/setup-clients", "python"], capture_output=True, text=True)
    assert set_up.returncode == 0, set_up.stdout + set_up.stderr
    return ROOT / ".state/clients/bin/python"


@pytest.fixture(scope="module")
def frontend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Neither service logs an error or a key, and every conversation ends with 1000."""
    model, folder = tmp_path_factory.mktemp("personaplex"), tmp_path_factory.mktemp("services")
    personaplex_checkpoint.make(model)
    token = {"MOSHI_API_TOKEN": "token-of-moshi"}
    with (
        running_moshi(folder, {"MOSHI_MODEL": str(model), "MOSHI_SLOTS": "2"} | token) as moshi,
        running_frontend(folder, moshi, {"FRONTEND_API_KEYS": KEY} | token) as frontend,
    ):
        yield frontend
        for log in moshi.log.read_text(), frontend.log.read_text():
            assert not re.search(r"Traceback| ERROR ", log), log
            assert KEY not in log
        ends = re.findall(r"session \w+: ends \((.*)\)", moshi.log.read_text())
        assert ends
        assert all("1000" in end for end in ends), ends


def said(python: Path, frontend: Service, program: str, modules: Path = CLIENTS) -> Any:
    """The JSON that a client prints about what it got. `modules`: the folder of its recipe."""
    environment = clean_environment(
        OPENAI_BASE_URL=f"{frontend.url}/v1",
        OPENAI_API_KEY=KEY,
        PERSONAPLEX_URL=frontend.url,
        PYTHONPATH=str(modules),
    )
    command = [python, CLIENTS / program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"Traceback|ERROR", done.stderr), done.stderr
    return json.loads(done.stdout)


def recipe(name: str, folder: Path) -> Path:
    """A folder with the documented program of this name."""
    (block,) = [block for block in blocks(Path("docs/how-to/frameworks.md")) if block.mark == name]
    (folder / name).write_text(block.text)
    return folder


def assert_heard(got: dict[str, Any]) -> None:
    assert got["seconds"] >= SECONDS, got
    assert got["text"].strip(), got


def test_livekits_agent(python: Path, frontend: Service, tmp_path: Path) -> None:
    """GPT-Live, Realtime, and the plugin for PersonaPlex, which speaks `/api/chat`."""
    got = said(python, frontend, "livekit_clients.py", recipe("agent.py", tmp_path))
    for name in ("live", "realtime", "personaplex"):
        assert_heard(got[name])
        assert got[name]["errors"] == []


def test_a_telephone_with_pipecat(python: Path, frontend: Service, tmp_path: Path) -> None:
    """Live, and Realtime in its place."""
    got = said(python, frontend, "pipecat_clients.py", recipe("telephone.py", tmp_path))
    for name in ("live", "realtime"):
        assert_heard(got[name])
    assert got["errors"] == []


def test_openais_agents(python: Path, frontend: Service) -> None:
    got = said(python, frontend, "agents_client.py")
    assert got["audio"] * 0.08 >= SECONDS, got
    assert got["text"] > 0, got
    assert got["errors"] == []
