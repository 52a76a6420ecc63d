"""A moshi without a model as a process of its own: `fleet_moshi.py ADDRESS PORT SLOTS QUEUE [CERTIFICATE]`.

It has the real admission, the upgrades of docs/reference/protocol.md, and a drain at SIGTERM that ends with the last
conversation.
"""

import asyncio
import json
import signal
import ssl
import sys
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from time import monotonic

# The whole repository's tests/ is not a package that is installed.
sys.path.insert(0, str(Path(__file__).parents[1]))

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from moshi_backend.conversation.admission import Admission, Full
from moshi_service.health import Health
from moshi_service.protocol.events import QueueEvent
from moshi_service.protocol.info import Slots
from moshi_service.protocol.upgrade import LOAD_HEADER, STATUS, TRIAL_HEADER, Denial, Load, Trial
from moshi_service.protocol.wire import HANDSHAKE
from support.fake_moshi import READY, FakeMoshi

DRAINING = Health("draining", "draining", None, "the service is shutting down")


class FleetMoshi:
    def __init__(self, slots: int, queue: int) -> None:
        self._admission: Admission[ServerConnection] = Admission(slots, queue)
        self._turns: dict[ServerConnection, asyncio.Event] = {}
        self._is_draining = False
        self._stopped = asyncio.Event()

    async def run(self, address: str, port: int, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._drain)
        async with serve(
            self._converse,
            address,
            port,
            ssl=tls,
            compression=None,
            process_request=self._answer,
            process_response=self._tell_load,
            close_timeout=0.5,
        ):
            print("listening", flush=True)
            await self._stopped.wait()

    def _drain(self) -> None:
        self._is_draining = True
        self._stop_if_empty()

    def _stop_if_empty(self) -> None:
        if self._is_draining and not self._admission.used:
            self._stopped.set()

    @property
    def _load(self) -> Load:
        return Load(self._admission.used, self._admission.slots, len(self._admission.waiting))

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        path, _, query = request.path.partition("?")
        if path == "/api/info":
            slots = Slots(total=self._load.total, used=self._load.used)
            fake = FakeMoshi(health=DRAINING if self._is_draining else READY, slots=slots)
            return connection.respond(HTTPStatus.OK, json.dumps(fake.info | {"queue": self._load.queued}))
        if path != "/api/chat":
            return connection.respond(HTTPStatus.OK, json.dumps(asdict(READY)))
        if "seed=x" in query:
            return self._deny(connection, "setting", 4001)
        if self._is_draining:
            return self._deny(connection, "draining", 1013)
        may_wait = request.headers.get(TRIAL_HEADER) != Trial.SLOT
        try:
            slot = self._admission.enter(connection, monotonic(), may_wait=may_wait)
        except Full:
            return self._deny(connection, "full", 1013)
        self._turns[connection] = asyncio.Event()
        if slot is not None:
            self._turns[connection].set()
        return None

    def _deny(self, connection: ServerConnection, cause: str, code: int) -> Response:
        denial = Denial(cause=cause, code=code, reason=f"{cause}: no", retry_after=1)
        return connection.respond(HTTPStatus(STATUS.get(cause, 503)), denial.model_dump_json())

    def _tell_load(self, _connection: ServerConnection, _request: Request, response: Response) -> Response:
        response.headers[LOAD_HEADER] = str(self._load)
        return response

    async def _converse(self, connection: ServerConnection) -> None:
        turn = self._turns[connection]
        gone = asyncio.create_task(connection.wait_closed())
        try:
            if not turn.is_set():
                position = self._admission.waiting.index(connection) + 1
                await connection.send(QueueEvent(position=position, wait_seconds=None).message())
                await asyncio.wait({asyncio.create_task(turn.wait()), gone}, return_when=asyncio.FIRST_COMPLETED)
            await connection.send(HANDSHAKE)
            async for message in connection:
                await connection.send(message)
        except ConnectionClosed:
            pass
        finally:
            following = self._admission.leave(connection, monotonic())
            if following is not None:
                self._turns[following].set()
            del self._turns[connection]
            self._stop_if_empty()


def main() -> None:
    address, port, slots, queue, *certificate = sys.argv[1:]
    tls = None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate[0])
    asyncio.run(FleetMoshi(int(slots), int(queue)).run(address, int(port), tls))


if __name__ == "__main__":
    main()
