"""Every metric of the service. docs/reference/metrics.md is made from this list.

Attributes take few values, all known beforehand: no session, address or text is one.
"""

from collections.abc import Callable, Iterable, Mapping

from opentelemetry.metrics import Observation

from moshi_service.protocol.wire import CloseCode
from moshi_service.telemetry.metrics import CONVERSATION_BUCKETS, LAG_BUCKETS, Instruments

INSTRUMENTS = Instruments("moshi_backend", "moshi")
_counter, _histogram, _gauge = INSTRUMENTS.counter, INSTRUMENTS.histogram, INSTRUMENTS.gauge

_STEP = (0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.15, 0.25, 0.5, 1.0, 5.0)
_END_CODES = [code for code in CloseCode if code is not CloseCode.MOSHI_LOST]  # only the frontend loses moshi
_ENDS = ", ".join(f"`{code.name.lower()}`" for code in _END_CODES)
_WAIT = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)
_BATCH_SIZES = (1, 2, 4, 8, 12, 16, 24, 32, 40, 48, 64, 128, 256)

STEP = _histogram("step.duration", "s", "How long a step of the model took; it has 0.08 s", _STEP)
BATCH = _histogram("step.batch_size", "{conversation}", "Conversations that a step answered", _BATCH_SIZES)
LAG = _histogram("frame.lag", "s", "From a frame's arrival until its answer was ready to be sent", LAG_BUCKETS)
DEFICIT = _counter("frame.deficit", "{frame}", "Frames whose answer took longer than the 0.08 s that they last")
DROPPED = _counter(
    "frame.dropped",
    "{frame}",
    "Input that was not answered",
    reason="`backlog`: it came faster than real time, or steps are too slow; `waiting`: the client's turn had not come",
)
GAP = _histogram(
    "input.gap",
    "s",
    "Between two audio messages of a client; long ones are its network's or its browser's",
    LAG_BUCKETS,
)
OPUS_ERRORS = _counter("opus.errors", "{error}", "Conversations ended because their audio is not Ogg/Opus")
REFUSED = _counter(
    "sessions.refused",
    "{session}",
    "Clients who were turned away at once",
    reason="`full`, `starting`, `failed`, `draining`, `origin`, `token`, `address`, `setting`",
    trial="`True` if the frontend asked, which may have tried another moshi",
)
DURATION = _histogram(
    "session.duration",
    "s",
    "From the beginning of a conversation, or of the wait for one, until its end",
    CONVERSATION_BUCKETS,
    end="`client`: it left; else what it was closed with: " + _ENDS,
)
QUEUE_WAIT = _histogram("session.queue_wait", "s", "From connecting until a slot was there", _WAIT)
PREFILL = _histogram(
    "session.prefill",
    "s",
    "From getting a slot until voice and role were read",
    _WAIT,
    voice="`read`, or `remembered` from an earlier conversation",
)
FIRST_AUDIO = _histogram("session.first_audio", "s", "From the handshake until the first answer was sent", _WAIT)
DROPPED_CONNECTIONS = INSTRUMENTS.dropped_connections()
LOOP_LAG = INSTRUMENTS.loop_lag()
ACTIVE = _gauge("sessions.active", "{session}", "Conversations that hold a slot")
QUEUED = _gauge("sessions.queued", "{session}", "Clients who wait for a slot")
SLOTS = _gauge("slots", "{slot}", "Conversations that fit; 0 until the model is ready")
PROGRESS = _gauge("startup.progress", "1", "Of the phase of start-up where it is known; 1 when ready")
GPU_MEMORY = _gauge("gpu.memory.used", "By", "Memory in use on the model's GPU, by all processes; none on a CPU")


def observe(values: Mapping[str, Callable[[], float | None]]) -> None:
    """Connect each gauge to a function that returns its value. None leaves the gauge out."""

    def observations(value: Callable[[], float | None]) -> Callable[[], Iterable[Observation]]:
        return lambda: [] if (number := value()) is None else [Observation(number)]

    INSTRUMENTS.observe({name: observations(value) for name, value in values.items()})
