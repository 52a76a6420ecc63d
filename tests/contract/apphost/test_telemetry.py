"""What an operator sees of a conversation in the real Aspire dashboard, and that a collector can do no harm."""

import json
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from loadtest.client import Conversation, converse, encode, noise
from support.chatting import slots_become
from support.checkpoints import RANDOM_MODEL
from support.dashboard import Dashboard, arrives, black_hole, running_dashboard
from support.hub import running_hub
from support.services import BIN, Service, clean_environment, free_port, running_frontend, running_moshi

pytestmark = [pytest.mark.anyio, pytest.mark.alone]

FRONTEND, MOSHI = "scenario6-frontend", "scenario6-moshi"
KEY = "a key of the tests"
SOON = {"OTEL_METRIC_EXPORT_INTERVAL": "500", "OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_BLRP_SCHEDULE_DELAY": "200"}


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with running_dashboard(tmp_path_factory.mktemp("dashboard")) as dashboard:
        yield dashboard


@contextmanager
def running_both(folder: Path, telemetry: Mapping[str, str]) -> Iterator[tuple[Service, Service]]:
    settings = {**SOON, **telemetry}
    with (
        running_moshi(folder, {"MOSHI_SLOTS": "2", **settings}) as moshi,
        running_frontend(folder, moshi, settings) as frontend,
    ):
        yield moshi, frontend


def conversation_of(dashboard: Dashboard, resource: str) -> dict[str, Any]:
    """The span of the last conversation."""
    return arrives(lambda: [span for span in dashboard.spans(resource) if span["name"] == "conversation"])[-1]


async def test_one_trace_of_a_conversation_crosses_both_services_with_its_logs(
    dashboard: Dashboard, tmp_path: Path
) -> None:
    with running_both(tmp_path, {"OTEL_EXPORTER_OTLP_ENDPOINT": dashboard.otlp_grpc}) as (moshi, frontend):
        said = await converse(frontend.chat, encode(noise(2.0)))
        assert len(said.heard) == len(said.sent) - 1
        await slots_become(moshi, 0)
        theirs, ours = conversation_of(dashboard, FRONTEND), conversation_of(dashboard, MOSHI)
        assert (ours["traceId"], ours["parentSpanId"]) == (theirs["traceId"], theirs["spanId"])
        assert [event["name"] for event in ours["events"]][:2] == ["admitted", "first audio"]
        attributes = {item["key"]: item["value"]["stringValue"] for item in ours["attributes"]}
        assert attributes["moshi.end"] == "client"
        assert int(attributes["moshi.dropped_frames"]) == 0
        for service, words in ((MOSHI, f"session {attributes['session.id']}: begins"), (FRONTEND, "begins, with")):
            logs = arrives(partial(_logs, dashboard, service, words))
            assert logs[-1]["traceId"] == ours["traceId"]
        start = {span["name"]: span for span in dashboard.spans(MOSHI)}
        assert {start[phase]["parentSpanId"] for phase in ("resolve", "load", "warm-up")} == {
            start["start-up"]["spanId"]
        }
        for service in (FRONTEND, MOSHI):
            arrives(partial(_has_metrics, dashboard, service))
        assert "WARNING" not in moshi.log.read_text() + frontend.log.read_text()


def _logs(dashboard: Dashboard, service: str, words: str) -> list[dict[str, Any]]:
    return [record for record in dashboard.logs(service) if words in record["body"]["stringValue"]]


def _has_metrics(dashboard: Dashboard, service: str) -> bool:
    return bool(dashboard.resources()[service]["hasMetrics"])


@pytest.fixture(scope="module")
def by_http(dashboard: Dashboard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """moshi with telemetry by HTTP, and a log for machines."""
    telemetry = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": dashboard.otlp_http,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_SERVICE_NAME": "by-http",
    }
    settings = {"MOSHI_SLOTS": "1", "MOSHI_LOG_FORMAT": "json", **SOON, **telemetry}
    with running_moshi(tmp_path_factory.mktemp("http"), settings) as moshi:
        yield moshi


async def test_what_is_said_is_in_no_log(by_http: Service) -> None:
    words = (await converse(by_http.chat + "?seed=1", encode(noise(6.0)))).text.split()
    phrases = [" ".join(words[index : index + 3]) for index in range(len(words) - 2)]
    assert len(phrases) > 5
    await slots_become(by_http, 0)
    lines = [json.loads(line) for line in by_http.log.read_text().splitlines()]
    assert {"time", "level", "logger", "message"} <= lines[-1].keys()
    assert not [phrase for phrase in phrases for line in lines if phrase in line["message"]]


def test_http_protobuf_arrives_too(dashboard: Dashboard, by_http: Service) -> None:
    arrives(lambda: dashboard.resources().get("by-http", {}).get("hasMetrics"))
    arrives(lambda: dashboard.spans("by-http"))
    arrives(lambda: dashboard.logs("by-http"))


async def test_a_dashboard_with_a_key_gets_it(tmp_path: Path) -> None:
    settings = {
        "DASHBOARD__FRONTEND__AUTHMODE": "Unsecured",
        "DASHBOARD__OTLP__AUTHMODE": "ApiKey",
        "DASHBOARD__OTLP__PRIMARYAPIKEY": KEY,
        "DASHBOARD__API__AUTHMODE": "ApiKey",
        "DASHBOARD__API__PRIMARYAPIKEY": KEY,
    }
    with running_dashboard(tmp_path, settings, {"x-api-key": KEY}) as secured:
        wrong = {"OTEL_EXPORTER_OTLP_ENDPOINT": secured.otlp_grpc, "OTEL_EXPORTER_OTLP_HEADERS": "x-otlp-api-key=no"}
        right = {**wrong, "OTEL_EXPORTER_OTLP_HEADERS": f"x-otlp-api-key={KEY.replace(' ', '%20')}"}
        with running_moshi(tmp_path, {"MOSHI_SLOTS": "1", **SOON, **wrong, "OTEL_SERVICE_NAME": "wrong"}) as moshi:
            await converse(moshi.chat, encode(noise(0.5)))
            assert moshi.stop() == 0
        with running_moshi(tmp_path, {"MOSHI_SLOTS": "1", **SOON, **right, "OTEL_SERVICE_NAME": "right"}):
            arrives(lambda: secured.spans("right"))
        assert "wrong" not in secured.resources()


async def test_a_dashboard_behind_tls_is_trusted_by_the_certificate_that_is_named(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(tmp_path / "cert.pem", append=True)
    assert ssl.create_default_context(cafile=tmp_path / "ca.pem")
    settings = {
        "Kestrel__Certificates__Default__Path": str(tmp_path / "cert.pem"),
        "Kestrel__Certificates__Default__KeyPath": str(tmp_path / "key.pem"),
        "DASHBOARD__FRONTEND__AUTHMODE": "Unsecured",
        "DASHBOARD__OTLP__AUTHMODE": "Unsecured",
        "DASHBOARD__API__AUTHMODE": "Unsecured",
    }
    with running_dashboard(tmp_path, settings, scheme="https") as secured:
        telemetry = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": secured.otlp_grpc,
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "ca.pem"),
        }
        with running_moshi(tmp_path, {"MOSHI_SLOTS": "1", **SOON, **telemetry}):
            arrives(lambda: secured.spans(MOSHI))


def undisturbed(said: Conversation) -> bool:
    return said.close_code == 1000 and len(said.heard) == len(said.sent) - 1


@pytest.mark.parametrize("gone", [True, False])
async def test_a_collector_that_does_not_answer_delays_neither_a_conversation_nor_the_end(
    gone: bool, tmp_path: Path
) -> None:
    with black_hole() as endpoint:
        if gone:
            endpoint = f"http://127.0.0.1:{free_port()}"
        with running_both(tmp_path, {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}) as (moshi, frontend):
            assert undisturbed(await converse(frontend.chat, encode(noise(3.0))))
            for service in (frontend, moshi):
                assert service.stop() == 0  # within 15 s
            assert moshi.log.read_text().count("Failed to export") <= 1


@pytest.mark.parametrize(
    ("variable", "value"), [("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"), ("OTEL_TRACES_EXPORTER", "jaeger")]
)
@pytest.mark.parametrize("command", [["moshi-backend", "serve"], ["moshi-frontend"]])
def test_a_variable_with_a_value_that_is_not_supported_stops_the_start(
    command: list[str], variable: str, value: str
) -> None:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", variable: value, "MOSHI_URL": "http://127.0.0.1:1"}
    settings |= {"MOSHI_PORT": "0", "FRONTEND_PORT": "0"}
    started = subprocess.run(
        [BIN / command[0], *command[1:]], env=clean_environment(**settings), capture_output=True, text=True, timeout=30
    )
    assert started.returncode == 3
    assert f"{variable}='{value}': takes" in started.stderr
    assert started.stderr.count("\n") == 1


async def test_a_download_is_part_of_the_trace_of_a_start(dashboard: Dashboard, tmp_path: Path) -> None:
    where = {"OTEL_EXPORTER_OTLP_ENDPOINT": dashboard.otlp_grpc, "OTEL_SERVICE_NAME": "downloading"}
    with running_hub(RANDOM_MODEL) as hub:
        model = {"MOSHI_MODEL": "org/model", "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf")}
        with running_moshi(tmp_path, {**model, **where}) as moshi:
            spans = arrives(lambda: [span for span in dashboard.spans("downloading") if span["name"] == "start-up"])
            log = moshi.log.read_text()
    (whole,) = spans
    phases = [span for span in dashboard.spans("downloading") if span.get("parentSpanId") == whole["spanId"]]
    phases.sort(key=lambda span: int(span["startTimeUnixNano"]))
    assert [span["name"] for span in phases] == ["resolve", "download", "load", "warm-up"]
    assert "Failed to detach" not in log
    assert all(
        f"trace={whole['traceId']}" in line for line in log.splitlines() if "moshi_backend.engine.engine" in line
    )
