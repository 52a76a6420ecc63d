"""Fleets of processes behind real frontends and a real DNS server: `fleet_scenarios.py FOLDER SCENARIO... [--long]`.

It prints what happened as JSON, for test_fleet.py. It runs in a network of its own, whose /etc/resolv.conf names
127.0.0.1.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import trustme
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from moshi_service.protocol.events import EndEvent, QueueEvent
from scenario6_client.connection import FAILURES, Handshake, Message, Told, dial, read

PORT = 8998
SERVICES = Path(__file__).with_name("fleet_moshi.py")
SERVICES_IN_DNS = (f"_moshi._tcp.test,moshi.test,{PORT},10", f"_moshi._tcp.test,spare.test,{PORT},20")
"""SRV records: service, host, port, priority. No host has the name `spare.test`."""
LONG = "--long" in sys.argv
PATIENCE = 240.0
"""Seconds. They cost nothing on a fast machine, and a busy one needs them."""


class Dns:
    """dnsmasq, which reads the addresses of `moshi.test` from a file."""

    def __init__(self, folder: Path) -> None:
        self._hosts = folder / "hosts"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["dnsmasq", "--keep-in-foreground", "--listen-address=127.0.0.1", "--bind-interfaces", "--no-hosts"]
        command += ["--no-resolv", "--conf-file=/dev/null", f"--addn-hosts={self._hosts}", "--local=/test/", "--user="]
        command += [f"--srv-host={name}" for name in SERVICES_IN_DNS]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        """It would wait for its children at SIGTERM."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def publish(self, addresses: Iterable[str]) -> None:
        self._hosts.write_text("".join(f"{address} moshi.test\n" for address in addresses))
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)


class Fleet:
    """Moshis by address."""

    def __init__(self, dns: Dns, slots: int = 8, queue: int = 8) -> None:
        self.dns = dns
        self.slots = slots
        self.queue = queue
        self.running: dict[str, asyncio.subprocess.Process] = {}
        self.published: list[str] = []
        self._number = 1

    async def add(self, number: int = 1, certificate: Path | None = None, address: str = "") -> list[str]:
        """Start so many, and publish them once they listen."""
        addresses = await self.start(number, certificate, address)
        self.publish([*self.published, *addresses])
        return addresses

    async def start(self, number: int = 1, certificate: Path | None = None, address: str = "") -> list[str]:
        """Start so many. Nobody knows them yet."""

        async def start(address: str) -> None:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(SERVICES),
                address,
                str(PORT),
                str(self.slots),
                str(self.queue),
                *([str(certificate)] if certificate else []),
                stdout=asyncio.subprocess.PIPE,
            )
            assert process.stdout is not None
            assert await process.stdout.readline() == b"listening\n"
            self.running[address] = process

        addresses = [address or f"127.0.1.{self._number + one}" for one in range(1, number + 1)]
        self._number += number
        await asyncio.gather(*map(start, addresses))
        return addresses

    def publish(self, addresses: list[str]) -> None:
        self.published = addresses
        self.dns.publish(addresses)

    async def kill(self, address: str) -> None:
        """It stays in DNS for a while."""
        process = self.running.pop(address)
        process.kill()
        await process.wait()

    async def drain(self, address: str) -> asyncio.subprocess.Process:
        """As an orchestrator does: DNS forgets it at once."""
        process = self.running.pop(address)
        process.send_signal(signal.SIGTERM)
        self.publish([one for one in self.published if one != address])
        return process

    async def stop(self) -> None:
        for process in self.running.values():
            process.kill()
            await process.wait()


class Frontend:
    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.get(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE)

    async def config(self) -> Any:
        return (await self.get("/api/config")).json()

    async def ready(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while (await self.get("/health")).status_code != 200:
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.5)  # until it has heard of all

    def chat(self, query: str = "?protocol=2") -> connect:
        return dial(f"ws://127.0.0.1:{self.port}/api/chat{query}", None)

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def frontend(
    url: str = f"dns+http://moshi.test:{PORT}", port: int = 8080, **settings: str
) -> AsyncIterator[Frontend]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MOSHI", "FRONTEND"))}
    environment |= {
        "MOSHI_URL": url,
        "FRONTEND_PORT": str(port),
        "FRONTEND_DISCOVERY_SECONDS": "1",
        "FRONTEND_CONNECTIONS_PER_ADDRESS": "0",
        "FRONTEND_CONNECTS_PER_MINUTE": "0",
        "FRONTEND_MAX_CONNECTIONS": "1000",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "moshi_frontend", env=environment | settings, stderr=subprocess.DEVNULL
    )
    try:
        one = Frontend(process, port)
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await one.get("/alive")
                    break
                except httpx.HTTPError:
                    await asyncio.sleep(0.1)
        yield one
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def next_message(client: ClientConnection) -> Message | None:
    async with asyncio.timeout(PATIENCE):
        return read(await client.recv(decode=False))


async def converse(one: Frontend, seconds: float) -> str:
    """How a conversation of that length went: `ok`, `cut` after it began, or `failed` before."""
    try:
        async with one.chat("") as client:
            await next_message(client)
            try:
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    await client.send(b"\x01x")
                    await next_message(client)
                    await asyncio.sleep(0.25)
            except (ConnectionClosed, TimeoutError):
                return "cut"
            return "ok"
    except (*FAILURES, ConnectionClosed) as error:
        return f"failed: {error}"


async def churn(dns: Dns) -> dict[str, Any]:
    """Two of five are killed, one is drained, three are added, and a burst comes."""
    seconds, rate = (20.0, 9.0) if LONG else (8.0, 3.0)
    fleet = Fleet(dns)
    await fleet.add(5)
    later = await fleet.start(3)
    plan: list[tuple[float, str]] = [(0.2, "kill"), (0.25, "forget"), (0.35, "add"), (0.45, "drain"), (0.55, "add")]
    plan += [(0.65, "kill"), (0.7, "forget"), (0.75, "add"), (0.85, "burst")]
    drained: list[asyncio.subprocess.Process] = []
    async with frontend() as one:
        await one.ready()
        talks: list[asyncio.Task[str]] = []
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            talks.append(asyncio.create_task(converse(one, random.expovariate(1 / 2.0))))
            while plan and now > plan[0][0] * seconds:
                match plan.pop(0)[1]:
                    case "kill":
                        await fleet.kill(fleet.published[0])
                    case "forget":
                        fleet.publish([address for address in fleet.published if address in fleet.running])
                    case "drain":
                        drained.append(await fleet.drain(fleet.published[0]))
                    case "add":
                        fleet.publish([*fleet.published, later.pop()])
                    case "burst":
                        talks += [asyncio.create_task(converse(one, 1.0)) for _ in range(12)]
            await asyncio.sleep(random.expovariate(rate))
        results = await asyncio.gather(*talks)
        codes = [await asyncio.wait_for(process.wait(), PATIENCE) for process in drained]
    await fleet.stop()
    failures = [result for result in results if result.startswith("failed")]
    counts = Counter(result.partition(":")[0] for result in results)
    return {"talks": len(results), **counts, "failures": failures, "drained": codes, "left to do": plan}


async def burst(dns: Dns) -> dict[str, Any]:
    """Four with 16 slots, half of them free: 24 come at once. Then the rest is filled, and more come."""
    fleet = Fleet(dns, slots=16, queue=2)
    await fleet.add(4)
    async with frontend() as one, AsyncExitStack() as stack:
        await one.ready()

        async def come() -> tuple[ClientConnection, Message | None]:
            client = await stack.enter_async_context(one.chat())
            return client, await next_message(client)

        for _ in range(32):
            await come()
        await asyncio.sleep(1.5)
        at_once = await asyncio.gather(*(come() for _ in range(24)))
        rest = await asyncio.gather(*(come() for _ in range(8)))
        waiting = await asyncio.gather(*(come() for _ in range(8)))
        refused = await asyncio.gather(*(come() for _ in range(2)))
        # One leaves, and exactly one of those who wait begins, wherever it waits.
        begun = [asyncio.create_task(_handshake(client)) for client, _ in waiting]
        await at_once[0][0].close()
        await asyncio.wait(begun, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        result = {
            "begun at once": sum(message == Handshake() for _, message in [*at_once, *rest]),
            "told a place": sum(isinstance(_event(message), QueueEvent) for _, message in waiting),
            "refused": [_close_code(message) for _, message in refused],
            "begun after one left": sum(task.done() for task in begun),
        }
        wrong = one.chat("?protocol=2&seed=x")
        async with wrong as client:
            result["wrong setting"] = _close_code(await next_message(client))
        for task in begun:
            task.cancel()
    await fleet.stop()
    return result


async def _handshake(client: ClientConnection) -> None:
    while read(await client.recv(decode=False)) != Handshake():
        pass


def _event(message: Message | None) -> object:
    return message.event if isinstance(message, Told) else None


def _close_code(message: Message | None) -> int | None:
    event = _event(message)
    return event.code if isinstance(event, EndEvent) else None


async def dns_down(dns: Dns) -> dict[str, Any]:
    """DNS is away for a minute."""
    fleet = Fleet(dns)
    await fleet.add(3)
    async with frontend() as one:
        await one.ready()
        dns.stop()
        until = time.monotonic() + (60 if LONG else 4)
        results = []
        while time.monotonic() < until:
            results.append(await converse(one, 0.3))
        dns.start()
        health = (await one.get("/health")).status_code
    await fleet.stop()
    return {"talks": len(results), "ok": results.count("ok"), "health": health}


async def many(dns: Dns) -> dict[str, Any]:
    """A name with 1000 addresses, all of which one process answers."""
    fleet = Fleet(dns, slots=100)
    addresses = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(1000)]
    await fleet.add(address="0.0.0.0")
    fleet.publish(addresses)
    async with frontend(FRONTEND_DISCOVERY_SECONDS="5", OTEL_METRICS_EXPORTER="prometheus") as one:
        async with asyncio.timeout(PATIENCE):
            while _replicas(await _metrics()) < len(addresses):
                await asyncio.sleep(0.5)
        seconds = 60 if LONG else 5
        before, began = one.cpu_seconds(), time.monotonic()
        await asyncio.sleep(seconds)
        used = (one.cpu_seconds() - before) / (time.monotonic() - began)
        talk = await converse(one, 0.2)
    await fleet.stop()
    return {"share of a core": round(used, 3), "talk": talk}


async def _metrics() -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get("http://127.0.0.1:9464/metrics")).text


def _replicas(text: str) -> int:
    lines = [line for line in text.splitlines() if line.startswith("frontend_moshi_replicas")]
    return sum(int(float(line.rpartition(" ")[2])) for line in lines)


async def tls(dns: Dns) -> dict[str, Any]:
    """One certificate for all, with the name that DNS was asked for. Another name is refused. SRV names a service."""
    folder = Path(sys.argv[1])
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    results: dict[str, Any] = {}
    for name in ("moshi.test", "other.test"):
        certificate = folder / f"{name}.pem"
        authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(str(certificate))
        fleet = Fleet(dns)
        await fleet.add(2, certificate)
        url = f"dns+https://moshi.test:{PORT}"
        async with frontend(url, FRONTEND_MOSHI_CA=str(folder / "ca.pem")) as one:
            async with asyncio.timeout(PATIENCE):
                while (detail := (await one.config())["moshi"]["health"]["detail"]) == "not asked yet" or not detail:
                    await asyncio.sleep(0.1)
            results[name] = [await converse(one, 0.2), detail]
        await fleet.stop()
        fleet.publish([])
    fleet = Fleet(dns)
    await fleet.add(2)
    async with frontend("srv+http://_moshi._tcp.test") as one:
        await one.ready()
        results["_moshi._tcp.test"] = await converse(one, 0.2)
    await fleet.stop()
    fleet.publish([])
    return results


async def rolling(dns: Dns) -> dict[str, Any]:
    """Two frontends behind one port are replaced one after the other. A balancer sends new clients to a ready one."""
    fleet = Fleet(dns)
    await fleet.add(2)
    longest = 4.0 if LONG else 2.0
    live: list[Frontend] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def balance(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", random.choice(live).port)
        await asyncio.gather(carry(reader, other_writer), carry(other_reader, writer))

    settings = {"FRONTEND_DRAIN_SECONDS": "60"}
    async with AsyncExitStack() as stack:
        for port in (8081, 8082):
            live.append(await stack.enter_async_context(frontend(port=port, **settings)))
        await asyncio.gather(*(one.ready() for one in live))
        await stack.enter_async_context(await asyncio.start_server(balance, "127.0.0.1", 8080))
        everybody = Frontend(live[0].process, 8080)
        talks: list[asyncio.Task[str]] = []
        replaced = asyncio.create_task(_replace(live, stack, settings, talks))
        while not replaced.done():
            talks.append(asyncio.create_task(converse(everybody, random.uniform(0.2, longest))))
            await asyncio.sleep(0.15)
        results = await asyncio.gather(*talks)
        codes = replaced.result()
    await fleet.stop()
    counts = Counter(result.partition(":")[0] for result in results)
    return {"talks": len(results), **counts, "exit codes": codes}


async def _replace(
    live: list[Frontend], stack: AsyncExitStack, settings: dict[str, str], talks: list[asyncio.Task[str]]
) -> list[int]:
    codes = []
    for port in (8083, 8084):
        while len(talks) < 5:
            await asyncio.sleep(0.1)
        new = await stack.enter_async_context(frontend(port=port, **settings))
        await new.ready()
        live.append(new)
        old = live.pop(0)
        await asyncio.sleep(0.3)  # until no client is on its way to the old one
        async with old.chat("") as last:  # without a conversation it would end at once
            await next_message(last)
            old.process.terminate()
            async with asyncio.timeout(PATIENCE):
                while (code := (await old.get("/health")).status_code) == 200:
                    await asyncio.sleep(0.05)
            codes.append(code)
        codes.append(await asyncio.wait_for(old.process.wait(), PATIENCE))
    return codes


SCENARIOS = {one.__name__: one for one in (churn, burst, dns_down, many, tls, rolling)}


async def main() -> None:
    random.seed(3)
    folder = Path(sys.argv[1])
    dns = Dns(folder)
    dns.publish([])
    dns.start()
    try:
        for name in sys.argv[2:]:
            if not name.startswith("--"):
                print(json.dumps({name: await SCENARIOS[name](dns)}), flush=True)
    finally:
        dns.stop()


if __name__ == "__main__":
    asyncio.run(main())
