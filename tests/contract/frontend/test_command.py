"""`moshi-frontend` as a user starts and stops it."""

import asyncio
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import trustme

from moshi_service.protocol.wire import HANDSHAKE
from support.fake_moshi import FakeMoshi
from support.running_frontend import Frontend, closed_by_server, started_command
from support.services import free_port

pytestmark = pytest.mark.anyio

PATIENCE = 30.0
"""Seconds. They cost nothing on a fast machine, and a busy one needs them."""


async def log_until(process: asyncio.subprocess.Process, pattern: str) -> re.Match[str]:
    """The first match in what it logs."""
    assert process.stderr is not None
    logged = ""
    async with asyncio.timeout(PATIENCE):
        while line := (await process.stderr.readline()).decode():
            logged += line
            if match := re.search(pattern, line):
                return match
    raise AssertionError(f"it ended without logging {pattern!r}:\n{logged}")


@pytest.mark.usefixtures("signals_are_not_ignored")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_stopping_it_ends_conversations_properly(number: signal.Signals) -> None:
    async with (
        FakeMoshi().running() as moshi,
        started_command(MOSHI_URL=moshi.url, FRONTEND_PORT="0") as process,
    ):
        address = (await log_until(process, r"listening on http://(\S+),"))[1]
        async with Frontend(address).chat("?protocol=2") as client:
            assert await client.recv() == HANDSHAKE
            process.send_signal(number)
            messages, code, reason = await closed_by_server(client)
            conversation = await moshi.conversation()
            await asyncio.wait_for(conversation.wait_closed(), PATIENCE)
        await asyncio.wait_for(process.communicate(), PATIENCE)
    assert (code, reason) == (1001, "the frontend is shutting down")
    assert len(messages) == 1
    assert conversation.close_code == 1001
    assert process.returncode == 0


async def test_a_drain_leaves_conversations_time_and_a_second_signal_takes_it() -> None:
    async with (
        FakeMoshi().running() as moshi,
        started_command(MOSHI_URL=moshi.url, FRONTEND_PORT="0", FRONTEND_DRAIN_SECONDS="300") as process,
    ):
        frontend = Frontend((await log_until(process, r"listening on http://(\S+),"))[1])
        async with frontend.chat("?protocol=2") as live, frontend.chat() as another:
            assert await live.recv() == await another.recv() == HANDSHAKE
            process.terminate()
            assert json.loads((await live.recv(decode=False))[1:]) == {
                "type": "warning",
                "why": "draining",
                "seconds": 300,
            }
            health = await frontend.get("/health")
            assert (health.status_code, health.json()["status"]) == (503, "draining")
            async with frontend.chat() as late:
                assert (await closed_by_server(late))[1:] == (1013, "the frontend is shutting down; try again soon")
            await live.send(b"\x01still here")
            assert await live.recv() == b"\x01still here"
            await another.close()
            process.terminate()
            assert (await closed_by_server(live))[1:] == (1001, "the frontend is shutting down")
        await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0


def test_it_hears_a_signal_before_it_imports_what_takes_long() -> None:
    """As process 1 of a container it would be deaf until then."""
    heavy = (
        "import sys, moshi_frontend.__main__; print([name for name in ('fastapi', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


async def test_it_says_why_moshi_is_not_reached() -> None:
    async with started_command(MOSHI_URL=f"http://localhost:{free_port()}", FRONTEND_PORT="0") as process:
        await log_until(
            process, r"moshi at http://localhost:\d+ is unreachable: \[connection-failed\] connection refused"
        )
        process.terminate()
        await asyncio.wait_for(process.communicate(), PATIENCE)


@pytest.mark.usefixtures("signals_are_not_ignored")
@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGTERM],
        [signal.SIGINT, signal.SIGINT],
        [signal.SIGTERM, signal.SIGINT],
        [signal.SIGHUP, signal.SIGHUP],
    ],
    ids=lambda signals: ", ".join(one.name for one in signals),
)
async def test_stopping_it_without_a_conversation_is_an_orderly_end(signals: list[signal.Signals]) -> None:
    """Also for somebody who presses Ctrl-C twice."""
    async with started_command(MOSHI_URL="http://127.0.0.1:1", FRONTEND_PORT="0") as process:
        await log_until(process, "connection refused")
        for number in signals:
            process.send_signal(number)
            await asyncio.sleep(0.05)
        _, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0
    assert "Traceback" not in errors.decode()


async def test_the_automatic_certificate_is_the_one_whose_fingerprint_is_logged(tmp_path: Path) -> None:
    async with started_command(
        MOSHI_URL="http://127.0.0.1:1", FRONTEND_PORT="0", FRONTEND_TLS="auto", FRONTEND_STATE_DIR=str(tmp_path)
    ) as process:
        logged = (await log_until(process, r"SHA-256 (\S+)"))[1]
        port = int((await log_until(process, r"listening on https://localhost:(\d+),"))[1])
        trust = ssl.create_default_context(cafile=tmp_path / "tls" / "ca.pem")
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
        presented = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
        process.terminate()
        await asyncio.wait_for(process.communicate(), PATIENCE)
    assert logged == sha256(presented).digest().hex(":").upper()


async def failed_start(**environment: str) -> str:
    """The one line that it says before it exits with 3."""
    async with started_command(**environment) as process:
        output, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 3
    assert output == b""
    assert errors.count(b"\n") == 1
    return errors.decode().rstrip("\n")


async def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = await failed_start(MOSHI_URL="http://127.0.0.1:1", FRONTEND_PORT=str(port))
    assert line.startswith(
        f"moshi-frontend: [cannot-listen] cannot listen on 127.0.0.1 port {port}: Address already in use"
    )
    assert "FRONTEND_PORT" in line


async def test_an_address_of_another_machine() -> None:
    line = await failed_start(MOSHI_URL="http://127.0.0.1:1", FRONTEND_HOST="192.0.2.1", FRONTEND_PORT="0")
    assert line.startswith("moshi-frontend: [cannot-listen] cannot listen on 192.0.2.1 port 0")


async def test_a_wrong_setting() -> None:
    line = await failed_start(MOSHI_URL="http://127.0.0.1:1", FRONTEND_TLS="yes")
    assert line.startswith("moshi-frontend: [setting-invalid] FRONTEND_TLS='yes': ")


async def test_prometheus_fetches_the_metrics_from_a_port_of_their_own() -> None:
    port = free_port()
    metrics = {"OTEL_METRICS_EXPORTER": "prometheus", "OTEL_EXPORTER_PROMETHEUS_PORT": str(port)}
    async with started_command(MOSHI_URL="http://127.0.0.1:1", FRONTEND_PORT="0", **metrics) as process:
        await log_until(process, "connection refused")
        async with httpx.AsyncClient(trust_env=False) as client:
            told = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        process.terminate()
        await asyncio.wait_for(process.communicate(), PATIENCE)
    counted = [
        line for line in told.splitlines() if line.startswith("frontend_moshi_replicas") and "unreachable" in line
    ]
    assert [float(line.split()[-1]) for line in counted] == [1.0]
    assert process.returncode == 0


async def test_a_port_for_metrics_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        metrics = {"OTEL_METRICS_EXPORTER": "prometheus", "OTEL_EXPORTER_PROMETHEUS_PORT": port}
        line = await failed_start(MOSHI_URL="http://127.0.0.1:1", FRONTEND_PORT="0", **metrics)
    assert line.startswith(
        f"moshi-frontend: [metrics-port-taken] cannot serve metrics on localhost port {port}: Address already in use"
    )


async def test_not_told_where_moshi_is() -> None:
    assert "set MOSHI_URL" in await failed_start(FRONTEND_PORT="0")


async def test_a_key_that_does_not_belong_to_the_certificate(tmp_path: Path) -> None:
    one, other = (trustme.CA().issue_cert("localhost") for _ in range(2))
    one.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    other.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    line = await failed_start(
        MOSHI_URL="http://127.0.0.1:1",
        FRONTEND_PORT="0",
        FRONTEND_TLS="files",
        FRONTEND_TLS_CERT=str(tmp_path / "cert.pem"),
        FRONTEND_TLS_KEY=str(tmp_path / "key.pem"),
    )
    assert "both must be readable PEM files that belong together" in line


async def test_a_host_name_that_no_certificate_can_carry(tmp_path: Path) -> None:
    line = await failed_start(
        MOSHI_URL="http://127.0.0.1:1",
        FRONTEND_PORT="0",
        FRONTEND_TLS="auto",
        FRONTEND_TLS_HOSTS="not a name",
        FRONTEND_STATE_DIR=str(tmp_path),
    )
    assert line.startswith("moshi-frontend: [certificate-hosts-invalid] FRONTEND_TLS_HOSTS='not a name': ")


async def test_a_state_folder_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = await failed_start(
        MOSHI_URL="http://127.0.0.1:1",
        FRONTEND_PORT="0",
        FRONTEND_TLS="auto",
        FRONTEND_STATE_DIR=str(tmp_path / "file"),
    )
    assert "set FRONTEND_STATE_DIR" in line
