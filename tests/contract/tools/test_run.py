"""`make run` where the environment is not the usual one: proxies, other addresses, any free port."""

import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from loadtest.client import converse, encode, noise
from support.services import clean_environment

ROOT = Path(__file__).parents[3]
NOWHERE = "127.0.0.1:9"
PROXIES = {
    "HTTP_PROXY": f"http://{NOWHERE}",
    "HTTPS_PROXY": f"http://{NOWHERE}",
    "ALL_PROXY": f"socks5://{NOWHERE}",
    "NO_PROXY": "",
}


@contextmanager
def run(folder: Path, **settings: str) -> Iterator[str]:
    """What `make run` runs, until it announces the page: the address. The environment names proxies, which do not
    answer. In the end Ctrl-C stops it."""
    folder.mkdir(exist_ok=True)
    kept = {name: value for name, value in clean_environment().items() if name.upper() not in PROXIES} | PROXIES
    states = {"MOSHI_STATE_DIR": str(folder), "FRONTEND_STATE_DIR": str(folder), "MOSHI_SLOTS": "1"}
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, ROOT / "tools/run"],
            env=kept | states | settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 120
        while not (ready := re.search(r"ready: open (\S+) ", log.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield ready[1]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, log.read_text()
        assert "Traceback" not in log.read_text()
        assert "not asked yet" not in log.read_text()
        assert "a service was killed" not in log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def alive(url: str) -> bool:
    return bool(httpx.get(f"{url}/alive", verify=False, trust_env=False).json() == {"status": "alive"})


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (
            {"MOSHI_HOST": "127.0.0.2", "MOSHI_PORT": "0", "FRONTEND_HOST": "127.0.0.3", "FRONTEND_PORT": "0"},
            r"http://127\.0\.0\.3:\d+",
        ),
        (
            {
                "MOSHI_HOST": "::1",
                "MOSHI_PORT": "0",
                "FRONTEND_HOST": "::1",
                "FRONTEND_PORT": "0",
                "FRONTEND_TLS": "auto",
            },
            r"https://\[::1\]:\d+",
        ),
        (
            {"MOSHI_HOST": "::", "MOSHI_PORT": "0", "FRONTEND_HOST": "0.0.0.0", "FRONTEND_PORT": "0"},
            r"http://localhost:\d+",
        ),
    ],
    ids=["other loopback addresses", "IPv6", "every interface"],
)
async def test_it_announces_an_address_at_which_a_conversation_works(
    settings: dict[str, str], address: str, tmp_path: Path
) -> None:
    with run(tmp_path, **settings) as url:
        assert re.fullmatch(address, url)
        assert alive(url)
        trust = ssl.create_default_context(cafile=tmp_path / "tls/ca.pem") if url.startswith("https") else None
        said = await converse(f"ws{url.removeprefix('http')}/api/chat", encode(noise(2.0)), trust=trust)
    assert said.heard


def test_a_killed_model_is_explained(tmp_path: Path) -> None:
    ports = {"MOSHI_PORT": "0", "FRONTEND_PORT": "0", "MOSHI_SLOTS": "1", "MOSHI_STATE_DIR": str(tmp_path)}
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, ROOT / "tools/run"],
            env=clean_environment(FRONTEND_STATE_DIR=str(tmp_path), **ports),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + 120
    while "ready: open" not in log.read_text():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    (moshi,) = re.findall(r"moshi started \(pid=(\d+)\)", log.read_text())
    os.kill(int(moshi), signal.SIGKILL)
    assert process.wait(60) == 128 + signal.SIGKILL
    assert log.read_text().splitlines()[-1].startswith("scenario6: [service-killed] a service was killed (SIGKILL; ")
