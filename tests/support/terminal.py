"""Start both services by a command that a person would type."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.services import clean_environment

ROOT = Path(__file__).parents[2]
START_SECONDS = 120.0


@contextmanager
def started(command: str, settings: Mapping[str, str], log: Path) -> Iterator[str]:
    """The address that it says is ready. Ctrl-C ends it."""
    with log.open("w") as output:
        process = subprocess.Popen(
            ["sh", "-c", command], cwd=ROOT, env=clean_environment(**settings), stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (ready := re.search(r"ready: open (\S+) and press Connect", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield ready[1]
        os.killpg(process.pid, signal.SIGINT)
        process.wait(20)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
