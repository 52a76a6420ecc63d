"""A room without a sound card: browsers hear what a test says into it, and a test hears what they play."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
START_SECONDS = 30.0
FORMAT = ["--raw", f"--rate={RATE}", "--format=s16le"]
MODULES = (
    # Both ends of a conversation are channels of one sink, so that one recording has them on one clock.
    f"module-null-sink sink_name=room rate={RATE} channels=2 channel_map=front-left,front-right",
    "module-remap-sink sink_name=mouth master=room channels=1 channel_map=mono master_channel_map=front-left remix=no",
    "module-remap-sink sink_name=ear master=room channels=1 channel_map=mono master_channel_map=front-right remix=no",
    "module-remap-source source_name=microphone master=room.monitor channels=1 channel_map=mono"
    " master_channel_map=front-left remix=no",
)


@dataclass(frozen=True)
class Room:
    """A PulseAudio server of the test's own, with a microphone and a speaker."""

    address: str

    @property
    def environment(self) -> dict[str, str]:
        """Programs with these variables hear and play here."""
        return dict(os.environ) | {"PULSE_SERVER": self.address}

    @contextmanager
    def speaking(self, file: Path) -> Iterator[None]:
        """Plays a sound file into the microphone, again and again."""
        endless = [
            "sox",
            str(file),
            "-t",
            "raw",
            "-r",
            str(RATE),
            "-c",
            "1",
            "-b",
            "16",
            "-e",
            "signed",
            "-",
            "repeat",
            "-",
        ]
        into = ["pacat", "--playback", *FORMAT, "--channels=1", "--device=mouth", "--latency-msec=50"]
        with subprocess.Popen(endless, stdout=subprocess.PIPE) as source:
            with subprocess.Popen(into, stdin=source.stdout, env=self.environment) as player:
                yield
                player.kill()
            source.kill()

    def record(self, seconds: float) -> NDArray[np.float64]:
        """The microphone and the speaker: an array of 2 rows, from -1 to 1, at RATE."""
        command = ["parec", *FORMAT, "--channels=2", "--device=room.monitor", "--latency-msec=50"]
        size = round(seconds * RATE) * 4
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=self.environment) as recorder:
            assert recorder.stdout is not None
            recorded = recorder.stdout.read(size)
            recorder.kill()
        assert len(recorded) == size, "the recording ended early"
        return np.frombuffer(recorded, np.int16).reshape(-1, 2).T / 32_768


@contextmanager
def room(folder: Path) -> Iterator[Room]:
    """`folder` is for the server's own files."""
    socket = folder / "socket"
    loads = [
        f"--load={module}" for module in (*MODULES, f"module-native-protocol-unix socket={socket} auth-anonymous=1")
    ]
    own = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH")}
    log = folder / "pulseaudio.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--realtime=no", *loads],
            env=dict(os.environ) | own,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not socket.exists():
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        found = Room(f"unix:{socket}")
        for what, name in (("sink", "ear"), ("source", "microphone")):
            subprocess.run(["pactl", f"set-default-{what}", name], env=found.environment, check=True, timeout=30)
        yield found
    finally:
        server.terminate()
        server.wait(10)
