"""OpenAI's Live and Realtime APIs at the moshi service as a process of its own, over real sockets."""

import asyncio
import base64
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import sphn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from moshi_service.protocol.upgrade import LOAD_HEADER, TRIAL_HEADER, Denial, Trial
from scenario6_client.audio import encode
from support.chatting import closing
from support.openai import audio, types
from support.openai_sockets import hear, rest, say
from support.services import Service, running_moshi
from support.speech import Samples

pytestmark = pytest.mark.anyio

TOKEN = "sesame-of-the-api"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
KIND_AUDIO, KIND_TEXT = 1, 2
OPUS_DELAY = 156
"""Samples that the encoder is behind: 6.5 ms."""
SEED = "?seed=11&text_temperature=0.9"


@pytest.fixture(scope="module")
def moshi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Two slots, room for one who waits, five connections of one address, and a short limit of silence."""
    settings = {
        "MOSHI_SLOTS": "2",
        "MOSHI_QUEUE": "1",
        "MOSHI_IDLE_SECONDS": "4",
        "MOSHI_CONNECTIONS_PER_ADDRESS": "5",
        "MOSHI_API_TOKEN": TOKEN,
    }
    with running_moshi(tmp_path_factory.mktemp("moshi"), settings) as service:
        yield service
        log = service.log.read_text()
        assert "Traceback" not in log
        assert TOKEN not in log


def live(moshi: Service, query: str = "", **options: Any) -> connect:
    return connect(f"ws://127.0.0.1:{moshi.port}/v1/live/sessions{query}", **{"additional_headers": BEARER, **options})


def realtime(moshi: Service, query: str = "", **options: Any) -> connect:
    return connect(f"ws://127.0.0.1:{moshi.port}/v1/realtime{query}", **{"additional_headers": BEARER, **options})


async def started(socket: ClientConnection, **session: Any) -> dict[str, Any]:
    await say(socket, "session.start", session=session)
    return await hear(socket, "session.started")


async def said(socket: ClientConnection, audio_type: str, text_type: str, frames: int) -> tuple[str, Samples]:
    """The text that comes with so many frames of sound, and the sound."""
    text, sound = "", b""
    for _ in range(frames):
        while (event := await hear(socket, audio_type, text_type))["type"] == text_type:
            text += event["delta"]
        sound += base64.b64decode(event["delta"])
    return text, np.frombuffer(sound, "<i2").astype(np.float32) / np.float32(32768)


async def speak(socket: ClientConnection, samples: Samples) -> None:
    """Send the samples at their own speed."""
    for message in encode(samples):
        await socket.send(message)
        await asyncio.sleep(0.08)


async def test_the_model_is_listed_for_those_who_have_the_token(moshi: Service) -> None:
    refused = moshi.get("/v1/models")
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "invalid_api_key"
    (model,) = moshi.get("/v1/models", BEARER).json()["data"]
    assert model["id"] == "random_model"


async def test_a_live_session_from_its_start_to_its_end(moshi: Service) -> None:
    async with live(moshi) as socket:
        session = (await started(socket, model="gpt-live-1"))["session"]
        assert session["model"] == "random_model"
        await say(socket, "session.input_audio.append", audio=audio(1.0))
        delta = await hear(socket, "session.output_audio.delta")
        assert len(delta["delta"]) == 5120  # 80 ms
        await hear(socket, "session.output_transcript.delta")
        await say(socket, "session.close", event_id="bye")
        *_, closed = await rest(socket)
        assert (closed["reason"], closed["client_event_id"]) == ("close_requested", "bye")
        assert closed["session"]["id"] == session["id"]
        assert socket.close_code == 1000
    await slots_become_free(moshi)


async def test_an_utterance_of_a_realtime_session_is_cancelled(moshi: Service) -> None:
    async with realtime(moshi, "?model=gpt-realtime") as socket:
        created = json.loads(await socket.recv())
        assert created["type"] == "session.created"
        await say(socket, "session.update", session={"type": "realtime", "instructions": "be kind"})
        await hear(socket, "session.updated")
        await say(socket, "input_audio_buffer.append", audio=audio(0.5))
        response = (await hear(socket, "response.created"))["response"]
        await hear(socket, "response.output_audio.delta")
        await say(socket, "response.cancel")
        done = await hear(socket, "response.done")
        assert (done["response"]["id"], done["response"]["status"]) == (response["id"], "cancelled")
    await slots_become_free(moshi)


async def test_the_same_seed_and_input_give_the_same_words_and_sound_by_every_protocol(moshi: Service) -> None:
    frames = 15
    async with live(moshi, SEED) as socket:
        await started(socket)  # and nothing more: the service gives the model silence
        words, sound = await said(socket, "session.output_audio.delta", "session.output_transcript.delta", frames)
    await slots_become_free(moshi)
    async with realtime(moshi, SEED) as socket:
        await say(socket, "input_audio_buffer.append", audio=audio(0.08, value=0))
        response = ("response.output_audio.delta", "response.output_audio_transcript.delta")
        words_of_realtime, sound_of_realtime = await said(socket, *response, frames)
    await slots_become_free(moshi)
    async with connect(moshi.chat + SEED, additional_headers=BEARER) as socket, asyncio.TaskGroup() as group:
        speaking = group.create_task(speak(socket, np.zeros(24_000 * 20, np.float32)))
        words_of_chat, opus, decoder = "", np.zeros(0, np.float32), sphn.OpusStreamReader(24_000)
        while len(words_of_chat) < len(words) or len(opus) < len(sound) + OPUS_DELAY:
            async with asyncio.timeout(30):
                heard = await socket.recv()
            assert isinstance(heard, bytes)
            if heard[0] == KIND_TEXT:
                words_of_chat += heard[1:].decode()
            if heard[0] == KIND_AUDIO:
                opus = np.concatenate([opus, decoder.append_bytes(heard[1:])])
        speaking.cancel()
    assert words
    assert words_of_realtime == words
    assert words_of_chat.startswith(words)
    assert np.array_equal(sound_of_realtime, sound)
    # The random model's sound is like noise, of which Opus keeps the rough shape only, and only at one place.
    assert np.corrcoef(sound, opus[OPUS_DELAY : OPUS_DELAY + len(sound)])[0, 1] > 0.5
    assert np.corrcoef(sound, opus[: len(sound)])[0, 1] < 0.1


async def test_a_client_that_falls_silent_is_answered_until_the_limit_of_silence(moshi: Service) -> None:
    async with live(moshi) as socket:
        await started(socket)
        await say(socket, "session.input_audio.append", audio=audio(0.8))
        events = await rest(socket)
        assert socket.close_code == 4002
    heard = types(events).count("session.output_audio.delta")
    assert heard > 25, "10 frames of speech, and silence of 4 s"
    assert [event["code"] for event in events if event["type"] == "info"] == ["warning_idle"]
    assert [event["error"]["code"] for event in events if event["type"] == "error"] == ["idle_timeout"]
    assert events[-1]["reason"] == "connection_lost"
    await slots_become_free(moshi)


@pytest.mark.parametrize("path", ["/v1/live/sessions", "/v1/realtime"])
@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({}, 401, "invalid_api_key"),
        ({"additional_headers": {"Authorization": "Bearer wrong"}}, 401, "invalid_api_key"),
        ({"subprotocols": ["realtime", "openai-insecure-api-key.wrong"]}, 401, "invalid_api_key"),
        ({"additional_headers": BEARER, "origin": "https://evil.example"}, 403, "origin_not_allowed"),
    ],
)
async def test_the_upgrade_itself_is_refused(
    path: str, options: dict[str, Any], status: int, code: str, moshi: Service
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://127.0.0.1:{moshi.port}{path}", **options)
    response = refused.value.response
    assert response.status_code == status
    error = json.loads(response.body or b"")["error"]
    assert error["code"] == code
    assert "Retry-After" not in response.headers


async def test_a_browsers_client_sends_the_key_as_a_subprotocol(moshi: Service) -> None:
    offered = ["realtime", f"openai-insecure-api-key.{TOKEN}", "openai-beta.realtime-v1"]
    async with realtime(moshi, additional_headers={}, subprotocols=offered) as socket:
        assert socket.subprotocol == "realtime"
        assert json.loads(await socket.recv())["type"] == "session.created"


async def test_who_finds_no_slot_waits_and_who_finds_no_room_is_refused(moshi: Service) -> None:
    async with live(moshi) as first, realtime(moshi) as second, live(moshi) as third:
        await started(first)
        await say(second, "input_audio_buffer.append", audio=audio(0.1))
        await hear(second, "response.output_audio.delta")
        await say(third, "session.start", session={})
        queued = await hear(third, "info")
        assert queued["code"] == "queue"
        assert queued["message"].startswith("place 1 in the queue")
        with pytest.raises(InvalidStatus) as refused:
            await live(moshi)
        response = refused.value.response
        assert (response.status_code, json.loads(response.body or b"")["error"]["code"]) == (503, "server_full")
        assert int(response.headers["Retry-After"]) >= 1
        with pytest.raises(InvalidStatus) as refused:  # as a frontend that may try another moshi
            await live(moshi, additional_headers={**BEARER, TRIAL_HEADER: Trial.SLOT})
        assert Denial.model_validate_json(refused.value.response.body or b"").cause == "full"
        assert refused.value.response.headers[LOAD_HEADER] == "2/2/1"
        await first.close()
        await hear(third, "session.started")
    await slots_become_free(moshi)


async def test_one_address_has_so_many_connections(moshi: Service) -> None:
    async with realtime(moshi), realtime(moshi), realtime(moshi), realtime(moshi), realtime(moshi):
        with pytest.raises(InvalidStatus) as refused:
            await realtime(moshi)
    response = refused.value.response
    assert response.status_code == 429
    assert json.loads(response.body or b"")["error"]["code"] == "too_many_connections"


async def test_a_message_may_have_256_kib(moshi: Service) -> None:
    async with live(moshi) as socket:
        await started(socket)
        await say(socket, "session.input_audio.append", audio="A" * 200_000)
        await hear(socket, "session.output_audio.delta")
        with suppress(ConnectionClosed):
            await say(socket, "session.input_audio.append", audio="A" * 262_144)
        assert (await closing(socket))[0] == 1009
    await slots_become_free(moshi)


async def test_a_model_that_is_not_here_is_an_error_and_1008(moshi: Service) -> None:
    async with realtime(moshi, "?model=gpt-5") as socket:
        (error,) = await rest(socket)
        assert error["error"]["code"] == "model_not_found"
        assert socket.close_code == 1008
    async with live(moshi) as socket:
        await say(socket, "session.start", session={"model": "gpt-5"})
        (error,) = await rest(socket)
        assert error["error"]["code"] == "model_not_found"
        assert socket.close_code == 1008


EVENTS: list[dict[str, Any]] = [
    {"type": "session.start", "session": {}},
    {"type": "session.start", "session": {"audio": {"format": {"type": "audio/pcm", "rate": 24000}}}},
    {"type": "session.update", "session": {"type": "realtime", "instructions": "be kind"}},
    {"type": "session.input_audio.append", "audio": audio(0.1)},
    {"type": "session.input_audio.mute"},
    {"type": "session.close"},
    {"type": "input_audio_buffer.append", "audio": audio(0.1)},
    {"type": "input_audio_buffer.clear"},
    {"type": "input_audio_buffer.commit"},
    {"type": "response.create"},
    {"type": "response.cancel"},
    {"type": "conversation.item.create", "item": {"type": "message", "role": "system", "content": [{"text": "x"}]}},
    {"type": "conversation.item.retrieve", "item_id": "x"},
    {"type": "conversation.item.truncate", "item_id": "x", "audio_end_ms": 3},
]
VALUES: tuple[Any, ...] = (None, 5, -1e308, True, [], {}, [[]], "", "*", "\0", "x" * 5000, {"id": "y"}, [{"type": "x"}])


def damaged(pick: random.Random) -> str | bytes:
    """An event, or something like one."""
    event = json.loads(json.dumps(pick.choice(EVENTS)))
    place, name = event, pick.choice(list(event))
    while isinstance(place.get(name), dict) and place[name] and pick.random() < 0.7:
        place = place[name]
        name = pick.choice(list(place))
    match pick.choices(("whole", "value", "gone", "cut", "noise", "binary"), (50, 25, 10, 3, 1, 1))[0]:
        case "value":
            place[name] = pick.choice(VALUES)
        case "gone":
            del place[name]
        case "cut":
            text = json.dumps(event)
            return text[: pick.randint(0, len(text))]
        case "noise":
            return "".join(chr(pick.randint(1, 0xD7FF)) for _ in range(50))
        case "binary":
            return pick.randbytes(20)
    return json.dumps(event)


async def test_no_sequence_of_events_harms_the_service(moshi: Service) -> None:
    pick = random.Random(3)
    codes = set()
    for number in range(12):
        opened = live(moshi) if number % 2 else realtime(moshi)
        async with asyncio.timeout(30), opened as socket:
            with suppress(ConnectionClosed):
                for _ in range(pick.randint(5, 25)):
                    await socket.send(damaged(pick))
            with suppress(TimeoutError, ConnectionClosed):
                async with asyncio.timeout(0.1):
                    while True:
                        json.loads(await socket.recv())
            await socket.close()
            codes.add(socket.close_code)
    assert codes <= {1000, 1003, 1007, 4001}
    await slots_become_free(moshi)
    async with live(moshi) as socket:
        await started(socket)
        await hear(socket, "session.output_audio.delta")


async def slots_become_free(moshi: Service) -> None:
    async with asyncio.timeout(10):
        while moshi.get("/api/info", BEARER).json()["slots"]["used"]:
            await asyncio.sleep(0.02)
