"""OpenAI's own clients, unmodified, with a URL and a key: Python and JavaScript, over TLS."""

import json
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.documents import blocks
from support.services import BIN, START_SECONDS, Service, clean_environment, running_moshi

ROOT = Path(__file__).parents[3]
CLIENTS = ROOT / "tests/clients"
KEY = "sesame-of-the-sdk"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The authority of moshi's automatic certificate."""
    folder = tmp_path_factory.mktemp("state")
    environment = clean_environment(MOSHI_STATE_DIR=str(folder), MOSHI_TLS="auto")
    printed = subprocess.run(
        [BIN / "moshi-backend", "certificate"], env=environment, capture_output=True, text=True, check=True
    )
    return Path(printed.stdout.strip())


@pytest.fixture(scope="module")
def moshi(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {
        "MOSHI_TLS": "auto",
        "MOSHI_STATE_DIR": str(authority.parents[1]),
        "MOSHI_API_TOKEN": KEY,
        "MOSHI_SLOTS": "3",
    }
    with running_moshi(tmp_path_factory.mktemp("moshi"), settings, wait=False) as service:
        deadline = time.monotonic() + START_SECONDS
        with httpx.Client(verify=ssl.create_default_context(cafile=authority), trust_env=False) as client:
            while True:
                assert time.monotonic() < deadline, service.log.read_text()
                try:
                    if client.get(f"https://localhost:{service.port}/health").status_code == 200:
                        break
                except httpx.HTTPError:
                    pass
                time.sleep(0.1)
        yield service
        log = service.log.read_text()
        assert "Traceback" not in log
        assert " ERROR " not in log
        assert KEY not in log
        ends = re.findall(r"session \w+: ends \((.*)\)", log)
        assert ends
        # 1005: the agents for JavaScript and wscat close without a code.
        assert all("1000" in end or "code 1005" in end for end in ends), ends


def said(moshi: Service, authority: Path, *command: str) -> Any:
    """The JSON that the clients print about what they got."""
    return json.loads(ran(moshi, authority, *command, f"https://localhost:{moshi.port}/v1", KEY))


def ran(moshi: Service, authority: Path, *command: str) -> str:
    """What a program prints that finds moshi, its key and its authority in the environment."""
    environment = clean_environment(
        SSL_CERT_FILE=str(authority),
        NODE_EXTRA_CA_CERTS=str(authority),
        OPENAI_BASE_URL=f"https://localhost:{moshi.port}/v1",
        OPENAI_API_KEY=KEY,
    )
    read, write = os.pipe()  # an input that stays open, as in a terminal
    try:
        done = subprocess.run(
            command, env=environment, stdin=read, capture_output=True, text=True, timeout=120, cwd=CLIENTS
        )
    finally:
        os.close(read)
        os.close(write)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def assert_heard(got: dict[str, Any]) -> None:
    assert got["audio"] >= 25, got
    assert got["text"] > 0, got
    assert got["errors"] == []


def test_the_package_for_python(moshi: Service, authority: Path) -> None:
    got = said(moshi, authority, sys.executable, str(CLIENTS / "clients.py"))
    assert got["models"] == ["random_model"]
    assert_heard(got["live"])
    assert got["live"]["reason"] == "close_requested"
    assert_heard(got["realtime"])


@pytest.fixture(scope="module")
def packages() -> None:
    set_up = subprocess.run([ROOT / "tools/setup-clients", "javascript"], capture_output=True, text=True)
    assert set_up.returncode == 0, set_up.stdout + set_up.stderr


@pytest.mark.usefixtures("packages")
def test_the_packages_for_javascript(moshi: Service, authority: Path) -> None:
    got = said(moshi, authority, "node", str(CLIENTS / "clients.mjs"))
    for client in ("live", "realtime", "agents"):
        assert_heard(got[client])
    assert got["live"]["reason"] == "close_requested"
    assert got["realtime"]["code"] == 1000


def examples(language: str) -> list[str]:
    return [block.text for block in blocks(Path("docs/how-to/programs.md")) if block.language == language]


def assert_words(output: str) -> None:
    *words, last = output.splitlines()
    assert last == "heard 2 s"
    assert "".join(words).strip()


def test_the_documented_example_for_python(moshi: Service, authority: Path) -> None:
    (example,) = examples("python")
    assert_words(ran(moshi, authority, sys.executable, "-c", example))


@pytest.mark.usefixtures("packages")
def test_the_documented_example_for_typescript(moshi: Service, authority: Path, tmp_path: Path) -> None:
    """It has no mistake of types, and runs."""
    (example,) = examples("ts")
    (tmp_path / "node_modules").symlink_to(CLIENTS / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "example.ts").write_text(example)
    options = ["--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext", "--types", ""]
    compiled = subprocess.run(
        [ROOT / "frontend/web/node_modules/.bin/tsc", *options, "example.ts"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert compiled.returncode == 0, compiled.stdout
    assert_words(ran(moshi, authority, "node", str(tmp_path / "example.js")))


@pytest.mark.usefixtures("packages")
def test_the_documented_example_for_the_command_line(moshi: Service, authority: Path) -> None:
    *_, listen = examples("sh")
    assert len(ran(moshi, authority, "sh", "-c", listen).split()) > 1
