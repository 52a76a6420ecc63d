"""One trace of each start, with a span for each phase."""

from opentelemetry import context, trace

_tracer = trace.get_tracer("moshi_backend")


class StartupTrace:
    """Call it from one thread. What that thread logs in a phase belongs to the phase's span."""

    def __init__(self) -> None:
        self._whole: trace.Span | None = None
        self._phase: tuple[str, trace.Span] | None = None

    def enter(self, phase: str, detail: str) -> None:
        """A phase begins, or has something new to tell."""
        if self._whole is None:
            self._whole = _tracer.start_span("start-up")
        if self._phase is None or self._phase[0] != phase:
            self._leave()
            span = _tracer.start_span(phase, trace.set_span_in_context(self._whole))
            self._token = context.attach(trace.set_span_in_context(span))
            self._phase = phase, span
        self._phase[1].add_event(detail)

    def end(self, failure: str | None = None) -> None:
        """Ready, or failed."""
        if self._whole is None:
            return
        if failure is not None:
            for span in (self._whole, *([self._phase[1]] if self._phase else [])):
                span.set_status(trace.StatusCode.ERROR, failure)
        self._leave()
        self._whole.end()
        self._whole = None

    def _leave(self) -> None:
        if self._phase is not None:
            context.detach(self._token)
            self._phase[1].end()
            self._phase = None
