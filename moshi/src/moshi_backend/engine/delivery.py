"""What the engine did, brought to the sessions: on the event loop again."""

from dataclasses import dataclass

from moshi_backend.conversation.session import Preparing, Session
from moshi_backend.engine.scheduler import PERIOD
from moshi_backend.model.batch import Frame
from moshi_backend.telemetry import metrics


@dataclass(frozen=True)
class Answer:
    """To one frame of input. `lag`: seconds since it was queued."""

    session: Session
    frame: Frame | None
    lag: float


def tell_progress(session: Session, progress: Preparing) -> None:
    """Of a prefix; the conversation begins after the last chunk."""
    if session.ended.is_set():
        return
    session.tell(progress)
    if progress.done == progress.total:
        session.admit()


def deliver(answers: list[Answer], tick: float) -> None:
    """Counting costs no tick anything here."""
    metrics.TICK.record(tick)
    metrics.BATCH.record(len(answers))
    for answer in answers:
        metrics.LAG.record(answer.lag)
        stats = answer.session.stats
        stats.tick, stats.lag, stats.rows = tick, answer.lag, len(answers)
        stats.longest_lag = max(stats.longest_lag, answer.lag)
        if answer.lag > PERIOD:
            stats.deficit += 1
            metrics.DEFICIT.add(1)
        if answer.frame is not None:
            answer.session.tell(answer.frame)
