"""Start a service as a user does, as a process of its own, and stop it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from support.checkpoints import RANDOM_MODEL

BIN = Path(sys.executable).parent
START_SECONDS = 240.0
"""How long a test waits for a service to start. A fast machine needs 5 s, and one that does other things minutes."""


_given_out: set[int] = set()


def free_port() -> int:
    """A port that was free a moment ago and that no caller got before, in this worker of pytest-xdist or in another."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            assert isinstance(port, int)
        if port // 2 % workers == worker and port not in _given_out:  # Linux gives out ports of one parity
            _given_out.add(port)
            return port


def clean_environment(**settings: str) -> dict[str, str]:
    """This environment without any setting of the services, and then `settings`.

    It also hides the `make` that runs the tests. Otherwise, each `make` of a test says which directories it enters.
    """
    hidden = ("MOSHI_", "FRONTEND_", "OTEL_", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return kept | settings


def descendants(process: int) -> set[int]:
    """The processes that this one started, and those that they started."""
    listed = [thread / "children" for thread in Path(f"/proc/{process}/task").iterdir()]
    children = {int(child) for children in listed for child in children.read_text().split()}
    return children.union(*(descendants(child) for child in children))


def is_there(process: int) -> bool:
    """Whether the process runs, or is a zombie."""
    return Path(f"/proc/{process}").exists()


@dataclass
class Service:
    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def chat(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/chat"

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return httpx.get(self.url + path, headers=dict(headers or {}), timeout=10, trust_env=False)

    def wait_for_health(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"exited with {self.process.returncode}: {self.log.read_text()}"
            try:
                if self.get("/health").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"not ready after {START_SECONDS} s: {self.log.read_text()}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit code."""
        self.process.send_signal(number)
        return self.process.wait(15)


@contextmanager
def running_moshi(
    folder: Path, settings: Mapping[str, str] | None = None, *, wait: bool = True, open_files: int | None = None
) -> Iterator[Service]:
    """The moshi service over plain HTTP on a free port, ready if it is waited for; its log is `folder`/moshi.log.

    Its model is the random one, which always makes sound, unless `settings` name another.
    """
    port = free_port()
    environment = clean_environment(
        MOSHI_TLS="off", MOSHI_PORT=str(port), MOSHI_STATE_DIR=str(folder), MOSHI_MODEL=str(RANDOM_MODEL)
    )
    command = [*_limited(open_files), str(BIN / "moshi-backend"), "serve"]
    with _running(command, environment | dict(settings or {}), port, folder / "moshi.log", wait) as service:
        yield service


@contextmanager
def running_frontend(
    folder: Path,
    moshi: Service,
    settings: Mapping[str, str] | None = None,
    *,
    wait: bool = True,
    open_files: int | None = None,
) -> Iterator[Service]:
    """The frontend in front of `moshi`, ready if it is waited for; its log is `folder`/frontend.log."""
    port = free_port()
    environment = clean_environment(MOSHI_URL=moshi.url, FRONTEND_PORT=str(port), FRONTEND_STATE_DIR=str(folder))
    command = [*_limited(open_files), str(BIN / "moshi-frontend")]
    with _running(command, environment | dict(settings or {}), port, folder / "frontend.log", wait) as service:
        yield service


def _limited(open_files: int | None) -> list[str]:
    """Begins a command that may not open more files."""
    return [] if open_files is None else ["prlimit", f"--nofile={open_files}"]


@contextmanager
def _running(
    command: list[str], environment: Mapping[str, str], port: int, log: Path, wait: bool = True
) -> Iterator[Service]:
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True)
    service = Service(process, port, log)
    try:
        if wait:
            service.wait_for_health()
        yield service
    finally:
        process.kill()
        process.wait()
