"""The cost of telemetry: two services beside each other, one that sends it and one that does not, in turn.

The collector is a real gRPC server in this process that takes everything and keeps nothing.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import add_LogsServiceServicer_to_server
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import add_MetricsServiceServicer_to_server
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import add_TraceServiceServicer_to_server

from benchmarks.upstream.servers import Server, ours
from benchmarks.upstream.trials import until_ready
from loadtest.load import Plan, run
from moshi_service.protocol.events import StatsEvent
from scenario6_client.audio import encode, noise


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="tools/bench telemetry", description=__doc__)
    parser.add_argument("--conversations", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn (%(default)s)")
    parser.add_argument("--turns", type=int, default=20, help="of each service (%(default)s)")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as off, tempfile.TemporaryDirectory() as on, collector() as (endpoint, received):
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
        with ours(Path(off)) as silent, ours(Path(on), **settings) as observed:
            medians = asyncio.run(in_turn((silent, observed), given.conversations, given.seconds, given.turns))
    for name, values in zip(("off", "on"), medians, strict=True):
        print(f"{name:4} step p50 {np.median(values):.2f} ms, of turns {np.min(values):.2f} to {np.max(values):.2f}")
    ratio = np.median(np.array(medians[1]) / np.array(medians[0]))
    print(f"on / off: {ratio:.3f} with {given.conversations} conversations; {received} batches came")
    return 0 if all(received.values()) else 1


async def in_turn(servers: Sequence[Server], conversations: int, seconds: float, turns: int) -> list[list[float]]:
    """Each server's median step of each turn, milliseconds."""
    speech = encode(noise(seconds + 1))
    medians: list[list[float]] = [[] for _ in servers]
    for server in servers:
        await until_ready(server)
    for _ in range(turns):
        for server, values in zip(servers, medians, strict=True):
            plan = Plan(server.url, conversations, seconds, parameters=(("protocol", "2"),))
            outcome = await run(plan, speech)
            stats = [event for talk in outcome.conversations for event in talk.events if isinstance(event, StatsEvent)]
            values.append(float(np.median([event.step_ms for event in stats])))
    return medians


@contextmanager
def collector() -> Iterator[tuple[str, dict[str, int]]]:
    """Its address, and how many batches of each signal came."""
    received = {"traces": 0, "metrics": 0, "logs": 0}

    class Collector:
        def __init__(self, signal: str, answer: type) -> None:
            self._signal = signal
            self._answer = answer

        def Export(self, _request: object, _context: object) -> object:  # noqa: N802 - gRPC's own name
            received[self._signal] += 1
            return self._answer()

    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(Collector("traces", traces.ExportTraceServiceResponse), server)
    add_MetricsServiceServicer_to_server(Collector("metrics", metrics.ExportMetricsServiceResponse), server)
    add_LogsServiceServicer_to_server(Collector("logs", logs.ExportLogsServiceResponse), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}", received
    finally:
        server.stop(None)


if __name__ == "__main__":
    sys.exit(main())
