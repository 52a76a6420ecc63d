"""Sessions of OpenAI's APIs that are refused after the upgrade, when the client has chosen."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from moshi_backend.api.openai import OpenAIApi
from moshi_backend.conversation.manager import Refused
from moshi_backend.conversation.openai.choices import Choice
from moshi_backend.conversation.wire import Heard
from moshi_backend.errors import conversations as errors
from moshi_backend.personas.catalogue import NOBODY
from moshi_service.protocol.wire import CloseCode
from support.fakes import FakeModel
from support.personas import catalogue

pytestmark = pytest.mark.anyio


class Socket:
    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.query_params: dict[str, str] = {}
        self.scope: dict[str, Any] = {}
        self.closed: int | None = None

    async def accept(self, *_: object) -> None: ...

    async def close(self, code: int, _reason: str) -> None:
        self.closed = code


class Manager:
    """It begins to drain while a client chooses."""

    limits = SimpleNamespace(session=0.0)

    def check(self, *, may_wait: bool) -> None: ...

    def enter(self, _session: object) -> None:
        raise Refused("draining", errors.shutting_down())


async def test_a_refusal_after_the_choice_counts_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[dict[str, object]] = []
    added = SimpleNamespace(add=lambda _one, attributes: counted.append(attributes))
    monkeypatch.setattr("moshi_backend.api.openai.metrics.REFUSED", added)
    monkeypatch.setattr("moshi_backend.api.openai.load_header", lambda _manager: [])
    engine = SimpleNamespace(loaded=SimpleNamespace(model=FakeModel(), catalogue=catalogue()))
    auth = SimpleNamespace(admit=lambda _socket, _key: nullcontext())
    wire = SimpleNamespace(
        greet=Heard,
        look=lambda _now: Choice(NOBODY, FakeModel.sampling),
        attach=lambda _session: None,
        fault=lambda error: Heard(end=error.end),
        finish=lambda _end: [],
    )
    socket = Socket()
    api = OpenAIApi(cast("Any", engine), cast("Any", Manager()), cast("Any", auth), "moshika", log_text=False)
    await api.converse(cast("Any", socket), lambda *_: cast("Any", wire))
    assert socket.closed == CloseCode.TRY_LATER
    assert counted == [{"reason": "draining", "trial": False}]
