"""Every metric of the service. docs/reference/metrics.md is made from this list.

Attributes take few values, all known beforehand: no session, address or text is one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation

from moshi_backend.protocol import Close

_meter = metrics.get_meter("moshi_backend")


@dataclass(frozen=True)
class Metric:
    """`attributes`: name to the values that it takes."""

    kind: str
    name: str
    unit: str
    description: str
    attributes: Mapping[str, str]


ALL: list[Metric] = []


def _counter(name: str, unit: str, description: str, **attributes: str) -> Counter:
    ALL.append(Metric("counter", name, unit, description, attributes))
    return _meter.create_counter(name, unit, description)


def _histogram(name: str, unit: str, description: str, buckets: Sequence[float], **attributes: str) -> Histogram:
    ALL.append(Metric("histogram", name, unit, description, attributes))
    return _meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=buckets)


def _gauge(name: str, unit: str, description: str) -> str:
    ALL.append(Metric("gauge", name, unit, description, {}))
    return name


_TICK = (0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.15, 0.25, 0.5, 1.0, 5.0)
_LAG = (0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
_WAIT = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)
_TALK = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
_ROWS = (1, 2, 4, 8, 12, 16, 24, 32, 40, 48, 64, 128, 256)

TICK = _histogram("moshi.tick.duration", "s", "How long a tick of the model took; it has 0.08 s", _TICK)
BATCH = _histogram("moshi.tick.batch_size", "{conversation}", "Conversations that a tick answered", _ROWS)
LAG = _histogram("moshi.frame.lag", "s", "From a frame's arrival until its answer was ready to be sent", _LAG)
DEFICIT = _counter("moshi.frame.deficit", "{frame}", "Frames whose answer took longer than the 0.08 s that they last")
DROPPED = _counter(
    "moshi.frame.dropped",
    "{frame}",
    "Input that was not answered",
    reason="`backlog`: it came faster than real time, or ticks are too slow; `waiting`: the client's turn had not come",
)
GAP = _histogram(
    "moshi.input.gap", "s", "Between two audio messages of a client; long ones are its network's or its browser's", _LAG
)
OPUS_ERRORS = _counter("moshi.opus.errors", "{error}", "Conversations ended because their audio is not Ogg/Opus")
REFUSED = _counter(
    "moshi.sessions.refused",
    "{session}",
    "Clients who were turned away at once",
    reason="`full`, `starting`, `failed`, `draining`, `origin`, `token`, `address`, `setting`",
)
DURATION = _histogram(
    "moshi.session.duration",
    "s",
    "From the beginning of a conversation, or of the wait for one, until its end",
    _TALK,
    end="`client`: it left; else what it was closed with: " + ", ".join(f"`{code.name.lower()}`" for code in Close),
)
QUEUE_WAIT = _histogram("moshi.session.queue_wait", "s", "From connecting until a slot was there", _WAIT)
PREFIX = _histogram(
    "moshi.session.prefix",
    "s",
    "From getting a slot until voice and role were read",
    _WAIT,
    voice="`read`, or `remembered` from an earlier conversation",
)
FIRST_AUDIO = _histogram("moshi.session.first_audio", "s", "From the handshake until the first answer was sent", _WAIT)
DROPPED_CONNECTIONS = _counter(
    "moshi.connections.dropped",
    "{connection}",
    "Connections that the service dropped",
    reason="`full`: its place went to a new one, `address`: its client has too many, `request`: none came in time, "
    "`rate`: its peer sent too much for too long, `stalled`: its peer took nothing, "
    "`close`: its peer did not take the end",
)
LOOP_LAG = _histogram("moshi.event_loop.lag", "s", "How much later than asked for the event loop runs something", _LAG)

ACTIVE = _gauge("moshi.sessions.active", "{session}", "Conversations that hold a slot")
QUEUED = _gauge("moshi.sessions.queued", "{session}", "Clients who wait for a slot")
SLOTS = _gauge("moshi.slots", "{slot}", "Conversations that fit; 0 until the model is ready")
PROGRESS = _gauge("moshi.startup.progress", "1", "Of the phase of start-up where it is known; 1 when ready")
GPU_MEMORY = _gauge("moshi.gpu.memory.used", "By", "Memory in use on the model's GPU, by all processes; none on a CPU")


def observe(values: Mapping[str, Callable[[], float | None]]) -> None:
    """Where the gauges get their values from: one function for each, asked when metrics are sent, on a thread of the
    exporter. None leaves the gauge out."""

    def asked(value: Callable[[], float | None]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def ask(_options: CallbackOptions) -> Iterable[Observation]:
            number = value()
            return [] if number is None else [Observation(number)]

        return ask

    for metric in ALL:
        if metric.kind == "gauge":
            callback = asked(values[metric.name])
            _meter.create_observable_gauge(metric.name, [callback], metric.unit, metric.description)
