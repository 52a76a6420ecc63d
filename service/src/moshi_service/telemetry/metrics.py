"""The instruments of a service, and the list of them that docs/reference/metrics.md is made from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation

LAG_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
"""Seconds. 0.08 is a frame."""

CONVERSATION_BUCKETS = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
"""Seconds."""


@dataclass(frozen=True)
class Metric:
    """`attributes`: name to the values that it takes."""

    kind: str
    name: str
    unit: str
    description: str
    attributes: Mapping[str, str]


class Instruments:
    """Makes the instruments of one service and lists them in `all`.

    Args:
        package: the name of the meter, which is the name of the service's package.
        prefix: begins the names of the instruments, e.g. `moshi`.
    """

    def __init__(self, package: str, prefix: str) -> None:
        self._meter = metrics.get_meter(package)
        self._prefix = prefix
        self.all: list[Metric] = []

    def counter(self, name: str, unit: str, description: str, **attributes: str) -> Counter:
        """A counter. `attributes`: see `Metric`."""
        metric = self._listed("counter", name, unit, description, attributes)
        return self._meter.create_counter(metric.name, unit, description)

    def histogram(
        self, name: str, unit: str, description: str, buckets: Sequence[float], **attributes: str
    ) -> Histogram:
        """A histogram. `buckets`: their upper bounds, in `unit`."""
        metric = self._listed("histogram", name, unit, description, attributes)
        return self._meter.create_histogram(metric.name, unit, description, explicit_bucket_boundaries_advisory=buckets)

    def gauge(self, name: str, unit: str, description: str, **attributes: str) -> str:
        """Declare a gauge and return its full name. `observe` gives it its values."""
        return self._listed("gauge", name, unit, description, attributes).name

    def dropped_connections(self) -> Counter:
        """The connections that `moshi_service.network` drops."""
        return self.counter(
            "connections.dropped",
            "{connection}",
            "Connections that the service dropped",
            reason="`full`: its place went to a new one, `address`: its client has too many, `request`: none came in "
            "time, `rate`: its peer sent too much for too long, `stalled`: its peer took nothing, "
            "`close`: its peer did not take the end",
        )

    def loop_lag(self) -> Histogram:
        """The delays that `moshi_service.telemetry.loop` measures."""
        return self.histogram(
            "event_loop.lag", "s", "How much later than asked for the event loop runs something", LAG_BUCKETS
        )

    def observe(self, values: Mapping[str, Callable[[], Iterable[Observation]]]) -> None:
        """Connect the gauges to their values.

        Args:
            values: for each gauge's full name a function that returns its observations. A thread of the exporter calls
                it when metrics are sent. No observation leaves the gauge out.
        """

        def asked(value: Callable[[], Iterable[Observation]]) -> Callable[[CallbackOptions], Iterable[Observation]]:
            return lambda _options: value()

        for metric in self.all:
            if metric.kind == "gauge":
                callback = asked(values[metric.name])
                self._meter.create_observable_gauge(metric.name, [callback], metric.unit, metric.description)

    def _listed(self, kind: str, name: str, unit: str, description: str, attributes: Mapping[str, str]) -> Metric:
        metric = Metric(kind, f"{self._prefix}.{name}", unit, description, attributes)
        self.all.append(metric)
        return metric
