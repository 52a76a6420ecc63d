"""The real Aspire dashboard, as a process of its own."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from support.services import clean_environment, free_port

ROOT = Path(__file__).parents[2]
ASPIRE = (
    "aspire"  # from the development shell
    if "SCENARIO6_ENVIRONMENT" in os.environ
    else ROOT / "tools/aspire/node_modules/@microsoft/aspire-cli-linux-x64/bin/aspire"
)
HOME = ROOT / ".state/aspire"
"""Where the CLI unpacks itself when it first runs."""

START_SECONDS = 90.0
ARRIVE_SECONDS = 30.0


@dataclass
class Dashboard:
    url: str
    otlp_grpc: str
    otlp_http: str
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: str) -> Any:
        answer = httpx.get(self.url + path, params=query, headers=self.headers, timeout=10, trust_env=False)
        return answer.raise_for_status().json()

    def resources(self) -> dict[str, dict[str, Any]]:
        return {resource["name"]: resource for resource in self.get("/api/telemetry/resources")}

    def spans(self, resource: str) -> list[dict[str, Any]]:
        """In OTLP's JSON."""
        found = self.get("/api/telemetry/traces", resource=resource)["data"].get("resourceSpans", [])
        return [
            span
            for entry in found
            if _named(entry, resource)
            for scope in entry["scopeSpans"]
            for span in scope["spans"]
        ]

    def logs(self, resource: str) -> list[dict[str, Any]]:
        found = self.get("/api/telemetry/logs", resource=resource)["data"].get("resourceLogs", [])
        return [record for entry in found for scope in entry["scopeLogs"] for record in scope["logRecords"]]


def _named(entry: dict[str, Any], resource: str) -> bool:
    attributes = {item["key"]: item["value"].get("stringValue") for item in entry["resource"]["attributes"]}
    return attributes.get("service.name") == resource


def arrives[T](look: Callable[[], T | None]) -> T:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + ARRIVE_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing arrived in {ARRIVE_SECONDS} s"
        time.sleep(0.2)
    return found


@contextmanager
def running_dashboard(
    folder: Path,
    settings: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    scheme: str = "http",
) -> Iterator[Dashboard]:
    """`settings`: the dashboard's own. `headers`: what its API asks for. `scheme`: of OTLP over gRPC."""
    HOME.mkdir(parents=True, exist_ok=True)
    page, grpc, http = (free_port() for _ in range(3))
    dashboard = Dashboard(
        f"http://127.0.0.1:{page}", f"{scheme}://localhost:{grpc}", f"http://127.0.0.1:{http}", dict(headers or {})
    )
    command = [str(ASPIRE), "dashboard", "run", "--non-interactive", "--nologo"]
    command += ["--frontend-url", dashboard.url, "--otlp-grpc-url", f"{scheme}://127.0.0.1:{grpc}"]
    command += ["--otlp-http-url", dashboard.otlp_http]
    environment = clean_environment(HOME=str(HOME), ASPIRE_CLI_TELEMETRY_OPTOUT="true", **dict(settings or {}))
    log = folder / "dashboard.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, *([] if settings else ["--allow-anonymous"])],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            try:
                if httpx.get(dashboard.url + "/health", timeout=5, trust_env=False).text == "Healthy":
                    break
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        yield dashboard
    finally:
        # The CLI and the dashboard that it started.
        os.killpg(process.pid, 9)
        process.wait()


@contextmanager
def black_hole() -> Iterator[str]:
    """A collector that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
