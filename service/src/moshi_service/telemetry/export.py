"""OpenTelemetry by its own environment variables, and nothing at all without them.

`OTEL_EXPORTER_OTLP_ENDPOINT` switches it on, as Aspire sets it. Everything is sent from threads in the background, in
bounded batches; when the collector is gone, what does not fit is dropped. With `OTEL_METRICS_EXPORTER=prometheus` the
metrics are served at `/metrics` instead, on a port of their own.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from opentelemetry import metrics, trace

from moshi_service.errors import StartupError
from moshi_service.errors import start as errors

SIGNALS = ("TRACES", "METRICS", "LOGS")

PROTOCOLS = ("grpc", "http/protobuf")

PROMETHEUS = "prometheus"

CLOSE_SECONDS = 2.0
"""How long the end of the process may wait for the last batches."""


def start(service: str, version: str) -> Callable[[], None]:
    """Send what the environment asks for; returns what to call at the end of the process.

    Raises:
        StartupError: a variable has a value that is not supported.
    """
    signals = [signal for signal in SIGNALS if _wanted(signal)]
    if not signals:
        return lambda: None
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource

    if not os.environ.get("OTEL_SERVICE_NAME") and SERVICE_NAME not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        os.environ["OTEL_SERVICE_NAME"] = service
    resource = Resource.create({SERVICE_VERSION: version})
    starters = {"TRACES": _traces, "METRICS": _metrics, "LOGS": _logs}
    closers = [
        _prometheus(resource) if _exporter_of(signal) == PROMETHEUS else starters[signal](resource, _is_grpc(signal))
        for signal in signals
    ]
    return lambda: _close(closers)


def _wanted(signal: str) -> bool:
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = _exporter_of(signal)
    if exporter is not None:
        return exporter != "none"
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return any(os.environ.get(endpoint) for endpoint in endpoints)


def _exporter_of(signal: str) -> str | None:
    name = f"OTEL_{signal}_EXPORTER"
    exporter = os.environ.get(name) or None
    known = ("otlp", PROMETHEUS, "none") if signal == "METRICS" else ("otlp", "none")
    if exporter is not None and exporter not in known:
        raise StartupError(errors.exporter_unknown(name, exporter, f"{', '.join(known[:-1])} or {known[-1]}"))
    return exporter


def _is_grpc(signal: str) -> bool:
    general = "OTEL_EXPORTER_OTLP_PROTOCOL"
    name = f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"
    name = name if os.environ.get(name) else general
    protocol = os.environ.get(name) or "grpc"
    if protocol not in PROTOCOLS:
        raise StartupError(errors.otlp_protocol_unknown(name, protocol, " or ".join(PROTOCOLS)))
    return protocol == "grpc"


# The SDK and the exporters are imported only where they are used: they cost half a second.


def _exporter(module: str, name: str, grpc: bool) -> Any:
    return getattr(import_module(f"opentelemetry.exporter.otlp.proto.{'grpc' if grpc else 'http'}.{module}"), name)()


def _traces(resource: Any, grpc: bool) -> Callable[[], None]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_exporter("trace_exporter", "OTLPSpanExporter", grpc)))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def _metrics(resource: Any, grpc: bool) -> Callable[[], None]:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    reader = PeriodicExportingMetricReader(_exporter("metric_exporter", "OTLPMetricExporter", grpc))
    provider = MeterProvider([reader], resource, shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    return provider.shutdown


def _prometheus(resource: Any) -> Callable[[], None]:
    """Serve the metrics, at the address of OpenTelemetry's own variables.

    Raises:
        StartupError: the port is taken, or is not one.
    """
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import MeterProvider
    from prometheus_client import CollectorRegistry, start_http_server

    host = os.environ.get("OTEL_EXPORTER_PROMETHEUS_HOST") or "localhost"
    port = os.environ.get("OTEL_EXPORTER_PROMETHEUS_PORT") or "9464"
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise StartupError(errors.prometheus_port_malformed(port))
    registry = CollectorRegistry()  # without the library's own metrics of Python and the process
    provider = MeterProvider([PrometheusMetricReader(registry=registry)], resource, shutdown_on_exit=False)
    try:
        server, thread = start_http_server(int(port), host, registry)
    except OSError as error:
        raise StartupError(errors.metrics_port_taken(host, port, error.strerror or error)) from None
    metrics.set_meter_provider(provider)

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join()
        provider.shutdown()

    return close


def _logs(resource: Any, grpc: bool) -> Callable[[], None]:
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    class Handler(LoggingHandler):
        # It would begin a thread when the interpreter ends, which is an error; closing the provider sends the rest.
        flushOnClose = False  # noqa: N815 - logging's own name

    provider = LoggerProvider(resource, shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(_exporter("_log_exporter", "OTLPLogExporter", grpc)))
    handler = Handler(logger_provider=provider)
    # That the collector cannot be reached is for the other handler to say, not for the collector.
    handler.addFilter(lambda record: not record.name.startswith("opentelemetry"))
    logging.getLogger().addHandler(handler)

    def close() -> None:
        logging.getLogger().removeHandler(handler)
        provider.shutdown()

    return close


def _close(closers: list[Callable[[], None]]) -> None:
    """All at the same time, for one that waits for its collector must not keep the others from theirs."""

    def run(closer: Callable[[], None]) -> None:
        with suppress(Exception):
            closer()

    deadline = time.monotonic() + CLOSE_SECONDS
    threads = [threading.Thread(target=run, args=(closer,), daemon=True) for closer in closers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
