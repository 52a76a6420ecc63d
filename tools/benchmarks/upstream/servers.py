"""The two servers as processes: plain WebSockets on this machine, the demo model, float32 on the CPU."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from benchmarks.upstream import launcher

SLOTS = 16


@dataclass
class Server:
    """A server that runs, ready or not."""

    name: str
    capacity: int
    """Conversations that it means to hold at the same time."""
    process: subprocess.Popen[bytes]
    url: str
    log: Path


@contextmanager
def upstream(folder: Path) -> Iterator[Server]:
    """Upstream's; its configuration and log go to `folder`."""
    demo = Path(str(resources.files("moshi_backend") / "demo"))
    config = json.loads((demo / "config.json").read_text())
    # Upstream resolves this name only as a Hugging Face file or as a URL with an absolute path.
    config["mimi_config_name"] = (demo / config["mimi_config_name"]).as_uri()
    (folder / "config.json").write_text(json.dumps(config))
    port = _free_port()
    arguments = {
        "--host": "127.0.0.1",
        "--port": str(port),
        "--device": "cpu",
        "--static": "none",
        "--hf-repo": "none/none",
        "--config-path": str(folder / "config.json"),
        "--moshi-weight": str(demo / config["moshi_name"]),
        "--mimi-weight": str(demo / config["mimi_name"]),
        "--tokenizer": str(demo / config["tokenizer_name"]),
    }
    command = [sys.executable, str(launcher.__file__), *(word for pair in arguments.items() for word in pair)]
    # Not compiled, as ours is not on a CPU: for so small a model compiled functions are slower.
    environment = _environment(NO_TORCH_COMPILE="1", HF_HUB_OFFLINE="1")
    with _running("upstream", 1, command, environment, port, folder) as server:
        yield server


@contextmanager
def ours(folder: Path, **settings: str) -> Iterator[Server]:
    """Ours, as an operator starts it, with further `settings`; its state and log go to `folder`."""
    port = _free_port()
    environment = (
        _environment(
            MOSHI_TLS="off",
            MOSHI_SLOTS=str(SLOTS),
            MOSHI_PORT=str(port),
            MOSHI_DEVICE="cpu",
            MOSHI_STATE_DIR=str(folder),
        )
        | settings
    )
    command = [str(Path(sys.executable).parent / "moshi-backend"), "serve"]
    with _running("ours", SLOTS, command, environment, port, folder) as server:
        yield server


@contextmanager
def _running(
    name: str, capacity: int, command: Sequence[str], environment: Mapping[str, str], port: int, folder: Path
) -> Iterator[Server]:
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Server(name, capacity, process, f"ws://127.0.0.1:{port}/api/chat", log)
    finally:
        process.kill()
        process.wait()


def _environment(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MOSHI_", "OTEL_"))}
    return kept | settings


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert isinstance(port, int)
        return port
