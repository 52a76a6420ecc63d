"""Every metric of the service. docs/reference/metrics.md is made from this list.

Attributes take few values, all known beforehand: no session, client or text is one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation

_meter = metrics.get_meter("moshi_frontend")


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


def _gauge(name: str, unit: str, description: str, **attributes: str) -> str:
    ALL.append(Metric("gauge", name, unit, description, attributes))
    return name


_LAG = (0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
_TALK = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)

IO = _counter("frontend.proxy.io", "By", "What was passed on", direction="`to_moshi`, `to_client`")
REFUSED = _counter(
    "frontend.sessions.refused",
    "{session}",
    "Clients who were turned away here",
    reason="`origin`, `draining`, `full`, `address`: it comes too often, `unreachable`: moshi is",
)
DURATION = _histogram(
    "frontend.session.duration",
    "s",
    "Of a connection",
    _TALK,
    end="who ended it: `client`, `moshi`, `lost`, `frontend`",
)
DROPPED_CONNECTIONS = _counter(
    "frontend.connections.dropped",
    "{connection}",
    "Connections that the service dropped",
    reason="`full`: its place went to a new one, `address`: its client has too many, `request`: none came in time, "
    "`rate`: its peer sent too much for too long, `stalled`: its peer took nothing, "
    "`close`: its peer did not take the end",
)
LOOP_LAG = _histogram(
    "frontend.event_loop.lag", "s", "How much later than asked for the event loop runs something", _LAG
)
ACTIVE = _gauge("frontend.sessions.active", "{session}", "Connections that are passed on to moshi")
MOSHI_READY = _gauge(
    "frontend.moshi.ready", "1", "1 while moshi says that it is ready, else 0", url="of each configured moshi"
)


def observe(values: Mapping[str, Callable[[], Iterable[Observation]]]) -> None:
    """Where the gauges get their values from: one function for each, asked when metrics are sent, on a thread of the
    exporter."""

    def asked(value: Callable[[], Iterable[Observation]]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda _options: value()

    for metric in ALL:
        if metric.kind == "gauge":
            callback = asked(values[metric.name])
            _meter.create_observable_gauge(metric.name, [callback], metric.unit, metric.description)
