"""Microphone and speaker, by PortAudio. Its callbacks run on threads of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moshi_service.errors import Entry, ProblemError
from scenario6_client import errors
from scenario6_client.audio import FRAME, SAMPLE_RATE, Samples
from scenario6_client.playout import Playout

WAITING_FRAMES = 25
"""Frames of the microphone that may wait, 2 s. Of more, the oldest are dropped."""


class NoSound(ProblemError):
    """The sound card cannot be used."""


def library() -> ModuleType:
    """PortAudio.

    Raises:
        NoSound: it is not installed.
    """
    try:
        import sounddevice
    except ImportError:
        raise NoSound(errors.sound_library_missing("the Python package sounddevice is missing")) from None
    except OSError as error:
        raise NoSound(errors.sound_library_missing(error)) from None
    module: ModuleType = sounddevice
    return module


def devices() -> str:
    """The microphones and speakers, a line each, with their numbers.

    Raises:
        NoSound: there is no library, or it does not list them.
    """
    sound = library()
    try:
        return str(sound.query_devices()) or "no sound card"
    except sound.PortAudioError as error:
        raise NoSound(errors.sound_card_stopped(error)) from None


class SoundCard:
    """A microphone whose frames wait in a queue, and a speaker behind a `Playout`."""

    def __init__(self) -> None:
        self.playout = Playout()
        self._loop = asyncio.get_running_loop()
        self._frames: asyncio.Queue[Samples | None] = asyncio.Queue()

    async def frame(self) -> Samples:
        """The next 80 ms of the microphone, float32 [FRAME].

        Raises:
            NoSound: the device stopped, for example because it was unplugged.
        """
        frame = await self._frames.get()
        if frame is None:
            raise NoSound(errors.sound_card_stopped("no more sound comes from it"))
        return frame

    def forget(self) -> None:
        """Drop what the microphone heard up to now."""
        while not self._frames.empty():
            if self._frames.get_nowait() is None:
                self._frames.put_nowait(None)
                return

    def _heard(self, frame: Samples | None) -> None:
        while frame is not None and self._frames.qsize() >= WAITING_FRAMES:
            self._frames.get_nowait()
        self._frames.put_nowait(frame)

    def on_microphone(self, given: NDArray[np.float32], *_: Any) -> None:
        """PortAudio's callback: [FRAME, 1]."""
        self._loop.call_soon_threadsafe(self._heard, given[:, 0].copy())

    def on_speaker(self, wanted: NDArray[np.float32], count: int, *_: Any) -> None:
        """PortAudio's callback: fills [count, 1]."""
        wanted[:, 0] = self.playout.pull(count)

    def on_end(self) -> None:
        """PortAudio's callback, also after an orderly stop."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._heard, None)


@asynccontextmanager
async def open_card(
    microphone: str | None = None, speaker: str | None = None, buffer: float = 0.1
) -> AsyncIterator[SoundCard]:
    """Microphone and speaker until the end of the block; `None` is the system's own.

    Args:
        buffer: seconds that each device is asked to hold. Less than a busy machine needs makes gaps.
    Raises:
        NoSound: there is none, or it cannot be opened.
    """
    sound, card = library(), SoundCard()
    shared = {"samplerate": SAMPLE_RATE, "channels": 1, "dtype": "float32", "latency": buffer}
    ways: list[tuple[Entry[[object]], Any, dict[str, Any]]] = [
        (
            errors.speaker_not_opened,
            sound.OutputStream,
            {"device": _device(speaker), "callback": card.on_speaker, "finished_callback": card.on_end},
        ),
        (
            errors.microphone_not_opened,
            sound.InputStream,
            {
                "device": _device(microphone),
                "callback": card.on_microphone,
                "finished_callback": card.on_end,
                "blocksize": FRAME,
            },
        ),
    ]
    with ExitStack() as streams:
        for problem, stream, arguments in ways:
            try:
                streams.enter_context(stream(**shared, **arguments))
            except (sound.PortAudioError, ValueError) as error:
                raise NoSound(problem(str(error).splitlines()[0])) from None
        yield card


def _device(named: str | None) -> int | str | None:
    """A number of `devices`, or a part of a name."""
    return int(named) if named is not None and named.isdecimal() else named
