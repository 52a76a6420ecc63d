"""An operator's view of one conversation: its span, its metrics and its lines in the log.

The conversation calls these methods and knows nothing of telemetry itself.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from opentelemetry import trace

from moshi_backend.conversation.admission import Place
from moshi_backend.conversation.limits import Notice
from moshi_backend.conversation.outbox import Begun, End, Item
from moshi_backend.engine.request import Answer
from moshi_backend.engine.scheduler import PERIOD
from moshi_backend.model.batch import Frame
from moshi_backend.telemetry import metrics

log = logging.getLogger(__name__)
_tracer = trace.get_tracer("moshi_backend")

LONG_GAP_SECONDS = 3 * PERIOD
"""A longer time between two audio messages gets an event in the span."""

STUTTER_EVENTS = 40
"""Events of one kind in one span, at most: a trace is no log of frames."""

STUTTER_SECONDS = 1.0
"""Least seconds between two events of one kind."""


class Observer:
    """
    Args:
        span: the conversation's span. By default nothing records it.
        log_text: whether the model's text goes into the log.
    """

    def __init__(self, span: trace.Span = trace.INVALID_SPAN, *, log_text: bool = False) -> None:
        self._span = span
        self._log_text = log_text
        self._id = ""
        self._created = time.monotonic()
        self._begun: float | None = None
        self._spoken = False
        self._position = 0
        self._heard: float | None = None
        self._dropped = self._late = 0
        self._longest_lag = 0.0
        self._gaps, self._late_answers = _Stutter(span, "a gap in the input"), _Stutter(span, "a late answer")

    def connected(self, session_id: str) -> None:
        """The session was let in, and its connection starts."""
        self._id = session_id
        self._span.set_attribute("session.id", session_id)
        log.info("session %s: connected", session_id)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """For as long as the client waits for its conversation to begin."""
        with _tracer.start_as_current_span("queue", trace.set_span_in_context(self._span)):
            yield

    def received(self, now: float) -> None:
        """An audio message came. `now`: seconds of `time.monotonic`."""
        if self._heard is not None:
            gap = now - self._heard
            metrics.GAP.record(gap)
            if gap > LONG_GAP_SECONDS:
                self._gaps.note(seconds=gap)
        self._heard = now

    def dropped(self, frames: int, reason: Literal["backlog", "waiting"]) -> None:
        """Frames of input were dropped: there was no room for them, or the conversation had not begun."""
        metrics.DROPPED.add(frames, {"reason": reason})
        if reason == "backlog":
            self._dropped += frames

    def not_opus(self) -> None:
        """The client sent audio that is not Ogg/Opus."""
        metrics.OPUS_ERRORS.add(1)

    def answered(self, answer: Answer, backlog: int) -> None:
        """The engine has answered a frame. `backlog`: frames that still wait behind it."""
        self._longest_lag = max(self._longest_lag, answer.lag)
        if answer.late:
            self._late += 1
            # A slow step is the model's fault; a backlog beside a fast step is the client's or the event loop's.
            self._late_answers.note(lag=answer.lag, step=answer.step, batch_size=answer.batch_size, backlog=backlog)

    def sent(self, item: Item) -> None:
        """The connection has sent an item of the outbox."""
        match item:
            case Place(position) if position != self._position:
                self._position = position
                self._span.add_event("queued", {"moshi.position": position})
            case Notice(why, left):
                self._span.add_event("warned", {"moshi.why": why, "moshi.left": left})
            case Begun():
                self._live(item)
            case Frame() if self._begun is not None and not self._spoken:
                self._spoken = True
                metrics.FIRST_AUDIO.record(time.monotonic() - self._begun)
                self._span.add_event("first audio")

    def said(self, text: str) -> None:
        """The connection has sent a piece of the model's text."""
        if self._log_text:
            log.info("session %s: says %r", self._id, text)

    def ended(self, ending: End | None, detail: str) -> None:
        """The connection is over. `ending`: None if the client left. `detail`: one line for people."""
        end = "client" if ending is None else ending.code.name.lower()
        metrics.DURATION.record(time.monotonic() - self._created, {"end": end})
        self._span.set_attributes(
            {
                "moshi.end": end,
                "moshi.end.detail": detail,
                "moshi.dropped_frames": self._dropped,
                "moshi.deficit_frames": self._late,
                "moshi.longest_lag": self._longest_lag,
            }
        )
        log.info("session %s: ends (%s), %d frames dropped", self._id, detail, self._dropped)

    def _live(self, begun: Begun) -> None:
        self._begun = time.monotonic()
        metrics.QUEUE_WAIT.record(begun.waited)
        self._span.add_event("admitted", {"moshi.queue_wait": begun.waited})
        if (prompt := begun.prompt) is not None:
            metrics.PREFILL.record(prompt.seconds, {"voice": "remembered" if prompt.cached else "read"})
            attributes = {"moshi.prefill.steps": prompt.steps, "moshi.prefill.seconds": prompt.seconds}
            self._span.add_event("prefill", attributes)
        log.info("session %s: begins", self._id)


class _Stutter:
    """Events of one kind in a span, no more than STUTTER_EVENTS and no faster than one in STUTTER_SECONDS."""

    def __init__(self, span: trace.Span, event: str) -> None:
        self._span = span
        self._event = event
        self._left = STUTTER_EVENTS
        self._last = 0.0

    def note(self, **attributes: float) -> None:
        now = time.monotonic()
        if self._left and now - self._last > STUTTER_SECONDS:
            self._left -= 1
            self._last = now
            self._span.add_event(self._event, {f"moshi.{name}": value for name, value in attributes.items()})
