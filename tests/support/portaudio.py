"""A stand-in for PortAudio that calls back as PortAudio does, when a test says so."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from scenario6_client.audio import Samples


class FakePortAudio(SimpleNamespace):
    """As the module `sounddevice`, as far as the client uses it. `missing`: kinds of streams that do not open."""

    class PortAudioError(Exception):
        pass

    def __init__(self, missing: tuple[str, ...] = ()) -> None:
        super().__init__(streams={}, closed=[])
        self._missing = missing

    def InputStream(self, **arguments: Any) -> "FakeStream":  # noqa: N802 - its name there
        return self._stream("microphone", arguments)

    def OutputStream(self, **arguments: Any) -> "FakeStream":  # noqa: N802
        return self._stream("speaker", arguments)

    def _stream(self, kind: str, arguments: dict[str, Any]) -> "FakeStream":
        if kind in self._missing:
            raise self.PortAudioError("Error querying device -1\nand more")
        self.streams[kind] = arguments
        return FakeStream(self, kind)

    def hears(self, frame: Samples) -> None:
        """The microphone has 80 ms."""
        self.streams["microphone"]["callback"](frame[:, None], len(frame), None, None)

    def plays(self, count: int) -> Samples:
        """The next samples for the speaker."""
        wanted = np.full((count, 1), 9, np.float32)
        self.streams["speaker"]["callback"](wanted, count, None, None)
        return wanted[:, 0]


class FakeStream:
    def __init__(self, library: FakePortAudio, kind: str) -> None:
        self._library, self._kind = library, kind

    def __enter__(self) -> "FakeStream":
        return self

    def __exit__(self, *_: object) -> None:
        self._library.closed.append(self._kind)
