"""A session of OpenAI's APIs before the model is ready, at the end of its time, and in a drain, over real sockets."""

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from support.openai import audio, types
from support.openai_sockets import hear, rest, say
from support.services import START_SECONDS, Service, running_moshi

pytestmark = pytest.mark.anyio

LIVE, REALTIME = "/v1/live/sessions", "/v1/realtime"
LAST = [
    *("response.output_audio.done", "response.output_audio_transcript.done", "response.content_part.done"),
    *("response.output_item.done", "conversation.item.done", "response.done"),
]


def dial(moshi: Service, path: str) -> connect:
    return connect(f"ws://127.0.0.1:{moshi.port}{path}")


async def talking(live: ClientConnection, realtime: ClientConnection) -> None:
    """Both hear the model."""
    await say(live, "session.start", session={})
    await say(realtime, "input_audio_buffer.append", audio=audio(0.1))
    await hear(live, "session.output_audio.delta")
    await hear(realtime, "response.output_audio.delta")


async def refusal(moshi: Service, path: str) -> tuple[int, Any, str | None]:
    """Status, error and `Retry-After` of the upgrade."""
    with pytest.raises(InvalidStatus) as refused:
        await dial(moshi, path)
    response = refused.value.response
    return response.status_code, json.loads(response.body or b"")["error"], response.headers.get("Retry-After")


async def warned(live: ClientConnection, code: str) -> None:
    while (await hear(live, "info"))["code"] != code:
        pass


async def assert_ends(live: ClientConnection, realtime: ClientConnection, error: str, reason: str, code: int) -> None:
    """Both sessions end with this error, and the Live session with this reason."""
    told, closed = [event for event in await rest(live) if event["type"] != "info" and "delta" not in event]
    assert (told["type"], told["error"]["code"]) == ("error", error)
    assert (closed["type"], closed["reason"]) == ("session.closed", reason)
    events = [event for event in await rest(realtime) if "delta" not in event]
    assert types(events) == [*LAST, "error"]
    assert events[-2]["response"]["status"] == "incomplete"
    assert events[-1]["error"]["code"] == error
    assert (live.close_code, realtime.close_code) == (code, code)


async def test_the_upgrade_is_refused_before_the_model_is_ready_and_in_a_drain_and_sessions_learn_why_they_end(
    tmp_path: Path,
) -> None:
    settings = {"MOSHI_SLOTS": "2", "MOSHI_SESSION_SECONDS": "5", "MOSHI_DRAIN_SECONDS": "60"}
    with running_moshi(tmp_path, settings, wait=False) as moshi:
        await port_opens(moshi)
        for path in LIVE, REALTIME:
            status, error, after = await refusal(moshi, path)
            assert (status, error["code"], error["type"], after) == (503, "model_not_ready", "server_error", "5")
        await asyncio.to_thread(moshi.wait_for_health)

        async with dial(moshi, LIVE) as live, dial(moshi, REALTIME) as realtime:
            await talking(live, realtime)
            await warned(live, "warning_session")
            await assert_ends(live, realtime, "session_expired", "expired", 1000)

        async with dial(moshi, LIVE) as live, dial(moshi, REALTIME) as realtime:
            await talking(live, realtime)
            moshi.process.send_signal(signal.SIGTERM)
            await warned(live, "warning_draining")
            for path in LIVE, REALTIME:
                status, error, after = await refusal(moshi, path)
                assert (status, error["code"], error["type"]) == (503, "server_draining", "server_error")
                assert int(after or 0) >= 1
            moshi.process.send_signal(signal.SIGTERM)  # ends the drain
            await assert_ends(live, realtime, "server_shutdown", "connection_lost", 1001)
        assert await asyncio.to_thread(moshi.process.wait, 15) == 0
        assert "Traceback" not in moshi.log.read_text()


async def port_opens(moshi: Service) -> None:
    """moshi listens before it loads the model."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert time.monotonic() < deadline, moshi.log.read_text()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", moshi.port)
        except OSError:
            await asyncio.sleep(0.005)
        else:
            writer.close()
            return
