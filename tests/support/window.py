"""`make run` in a window with a terminal of its own."""

import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.services import clean_environment, free_port

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Window:
    """`leader`: the descriptor to write keys to, and to close with the window. `ports`: of the services. `printed`: up
    to the line that says `ready`."""

    process: subprocess.Popen[bytes]
    leader: int
    ports: tuple[int, int]
    printed: str


@contextmanager
def make_run(folder: Path, *arguments: str) -> Iterator[Window]:
    """Both services, ready. `arguments`: of tools/run."""
    ports = free_port(), free_port()
    (folder / "Makefile").write_text(f"run:\n\t@{sys.executable} {ROOT / 'tools' / 'run'} {' '.join(arguments)}\n")
    environment = clean_environment(
        MOSHI_PORT=str(ports[0]),
        FRONTEND_PORT=str(ports[1]),
        MOSHI_STATE_DIR=str(folder / "moshi"),
        FRONTEND_STATE_DIR=str(folder / "frontend"),
    )
    # pty.fork() would fork a process with threads; a session leader that opens a terminal gets it as its own.
    leader, follower = pty.openpty()
    script = f"import os; os.close(os.open({os.ttyname(follower)!r}, os.O_RDWR)); os.execvp('make', ['make', 'run'])"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    printed = b""
    deadline = time.monotonic() + 120
    try:
        while b"ready: open" not in printed:
            assert time.monotonic() < deadline, printed.decode()
            printed += os.read(leader, 65_536)
        yield Window(process, leader, ports, printed.decode())
    finally:
        process.kill()
        process.wait()
