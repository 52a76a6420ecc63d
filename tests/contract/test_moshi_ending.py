"""The moshi service ends soon and with exit code 0, whenever it is told to."""

import time
from pathlib import Path

import pytest

from support.services import running_moshi

SLOW_TEARDOWN = "import atexit, time; atexit.register(time.sleep, 600)"


def test_what_libraries_do_at_the_end_delays_nothing(tmp_path: Path) -> None:
    """PyTorch's own teardown takes 2 s, and 10 s on a busy machine."""
    (tmp_path / "sitecustomize.py").write_text(SLOW_TEARDOWN)
    with running_moshi(tmp_path, {"PYTHONPATH": str(tmp_path)}) as moshi:
        assert moshi.stop() == 0


@pytest.mark.parametrize("phase", ["listening on", ": load:", ": warm-up:", "ready:"])
def test_it_ends_in_every_phase_of_its_start(tmp_path: Path, phase: str) -> None:
    """While the engine loads in a thread, an ordinary end of the interpreter aborts."""
    with running_moshi(tmp_path, wait=False) as moshi:
        deadline = time.monotonic() + 90
        while phase not in moshi.log.read_text():
            assert time.monotonic() < deadline, moshi.log.read_text()
            time.sleep(0.005)
        assert moshi.stop() == 0, moshi.log.read_text()
        assert "terminate called" not in moshi.log.read_text()
