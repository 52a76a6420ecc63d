"""A slot is free again however a conversation of `/api/chat` fails to begin."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from moshi_backend.api.chat import chat
from moshi_backend.conversation.limits import Limits
from moshi_backend.conversation.manager import SessionManager
from support.fakes import FakeModel, started
from support.personas import catalogue

pytestmark = pytest.mark.anyio


async def test_a_codec_that_cannot_be_made_keeps_no_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("moshi_backend.api.chat.UpstreamWire", no_memory)
    async with started(FakeModel()) as engine:
        manager = SessionManager(engine, queue=0, limits=Limits(), drain_seconds=0)
        loaded = SimpleNamespace(model=FakeModel(), catalogue=catalogue())
        with pytest.raises(MemoryError):
            await chat(
                cast("Any", SimpleNamespace(headers={}, query_params={})),
                cast("Any", SimpleNamespace(loaded=loaded)),
                manager,
                ThreadPoolExecutor(1),
                cast("Any", SimpleNamespace(admit=lambda _socket: nullcontext())),
                log_text=False,
            )
        assert manager.used == 0
