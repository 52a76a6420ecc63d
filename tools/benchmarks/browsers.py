"""Each browser: how late a tone comes back from a service that returns what it hears, and how many do not.

The tones go into a virtual microphone and come out of a virtual speaker. One recording has both, so the queues between
the browser and its devices count. A busy page is one whose main thread is blocked 200 ms of every 500 ms.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from support.engines import ENGINES, Engine
from support.fake_moshi import framed_echo
from support.sound import RATE, Room, room
from support.visit import Visit, visit

TONE_SECONDS = 0.02
EVERY_SECONDS = 1.0
QUIET_SECONDS = 0.3
"""The least between two tones: an echo's tail is no tone."""
LOUD = 0.05
SETTLE_SECONDS = 8.0
"""Until the jitter buffer knows its network, and a late start is caught up."""
MICROPHONE_AS_IT_IS = """
const devices = navigator.mediaDevices;
const open = devices.getUserMedia.bind(devices);
const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
devices.getUserMedia = () => open({ audio });
"""
"""Echo cancellation and noise suppression would remove tones."""
BUSY = "setInterval(() => { const end = performance.now() + 200; while (performance.now() < end); }, 500);"


@dataclass(frozen=True)
class Delays:
    """`late`: of each tone that came back, in ms."""

    late: list[float]
    lost: int

    def __str__(self) -> str:
        if not self.late:
            return f"- | - | {self.lost} of {self.lost}"
        p50, p95 = statistics.median(self.late), float(np.percentile(self.late, 95))
        return f"{p50:.0f} ms | {p95:.0f} ms | {self.lost} of {self.lost + len(self.late)}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="tools/bench browsers", description=__doc__)
    parser.add_argument("--browsers", nargs="+", choices=ENGINES, default=list(ENGINES), help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each measurement (%(default)s)")
    parser.add_argument("--settle", type=float, default=SETTLE_SECONDS, help="seconds before it (%(default)s)")
    given = parser.parse_args(argv)
    print("| browser | codec | main thread | p50 | p95 | lost tones | the page shows |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with room(_made(folder / "room")) as sound, sound.speaking(tones(folder)):
            for browser in given.browsers:
                with ENGINES[browser](_made(folder / browser), sound) as engine:
                    for busy in (False, True):
                        print(measure(engine, sound, given.settle, given.seconds, busy=busy), flush=True)
    return 0


def measure(engine: Engine, sound: Room, settle: float, seconds: float, *, busy: bool) -> str:
    """A row of the table."""
    with visit(engine, framed_echo) as tab:
        engine.driver.execute_script(MICROPHONE_AS_IT_IS)
        tab.connect()
        if busy:
            engine.driver.execute_script(BUSY)
        time.sleep(settle)
        found = delays(*sound.record(seconds))
        stats = tab.stats()
        version = engine.driver.capabilities["browserVersion"]
        thread = "busy" if busy else "free"
        return f"| {engine.name} {version} | {stats['codec']} | {thread} | {found} | {_shown(tab)} |"


def tones(folder: Path) -> Path:
    """A file of one tone, to be repeated."""
    path = folder / "tones.wav"
    tone = ["synth", str(TONE_SECONDS), "sine", "1000", "gain", "-3", "pad", "0", str(EVERY_SECONDS - TONE_SECONDS)]
    subprocess.run(["sox", "-n", "-r", str(RATE), "-c", "1", "-b", "16", str(path), *tone], check=True)
    return path


def delays(mouth: NDArray[np.float64], ear: NDArray[np.float64]) -> Delays:
    """Of each tone at the mouth. The last ones are left out, because they are still under way."""
    heard = onsets(ear)
    end = len(mouth) / RATE - EVERY_SECONDS
    found = [
        min((ear - mouth for ear in heard if ear > mouth), default=np.inf) for mouth in onsets(mouth) if mouth < end
    ]
    late = [delay * 1000 for delay in found if delay < EVERY_SECONDS]
    return Delays(late, len(found) - len(late))


def onsets(samples: NDArray[np.float64]) -> list[float]:
    """The times in seconds at which a tone begins."""
    loud = np.flatnonzero(np.abs(samples) > LOUD)
    begins = np.diff(loud, prepend=-RATE) > QUIET_SECONDS * RATE
    return [float(at) / RATE for at in loud[begins]]


def _shown(tab: Visit) -> str:
    return tab.text("delay").removeprefix("Delay ") or "-"


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
