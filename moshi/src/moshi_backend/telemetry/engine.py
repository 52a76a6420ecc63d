"""The engine's metrics, and its trace of each start."""

from collections.abc import Sequence

from moshi_backend.engine.observer import EngineObserver
from moshi_backend.engine.request import Answer
from moshi_backend.telemetry import metrics
from moshi_backend.telemetry.startup import StartupTrace


class EngineTelemetry(EngineObserver):
    """Records what the engine does. Its methods are documented in `EngineObserver`."""

    def __init__(self) -> None:
        self._startup = StartupTrace()

    def phase(self, name: str, detail: str) -> None:
        self._startup.enter(name, detail)

    def started(self, failure: str | None) -> None:
        self._startup.end(failure)

    def stepped(self, seconds: float, answers: Sequence[Answer]) -> None:
        metrics.STEP.record(seconds)
        metrics.BATCH.record(len(answers))
        for answer in answers:
            metrics.LAG.record(answer.lag)
            if answer.late:
                metrics.DEFICIT.add(1)
