"""The Realtime API, event by event. Every event is also read with the SDK's own classes."""

import asyncio
import json
from typing import Any

import pytest

from moshi_backend.conversation.admission import Place
from moshi_backend.conversation.limits import Notice
from moshi_backend.conversation.openai.items import KEPT
from moshi_backend.conversation.openai.realtime import RealtimeWire
from moshi_backend.conversation.openai.utterances import LONGEST_FRAMES
from moshi_backend.conversation.outbox import Begun, End
from moshi_backend.engine.request import PrefillProgress
from moshi_backend.model.batch import Frame
from moshi_backend.personas.catalogue import Persona
from moshi_service.errors import Problem
from moshi_service.protocol.wire import CloseCode
from support.openai import Client, audio, frame, offer, types
from support.personas import catalogue, voice

APPEND = "input_audio_buffer.append"
FIRST = [
    *("response.created", "response.output_item.added", "conversation.item.added", "response.content_part.added"),
]
LAST = [
    *("response.output_audio.done", "response.output_audio_transcript.done", "response.content_part.done"),
    *("response.output_item.done", "conversation.item.done", "response.done"),
]
AUDIO, TEXT = "response.output_audio.delta", "response.output_audio_transcript.delta"
QUIET = [frame()] * 12


def live(**query: str) -> Client:
    talking = Client(RealtimeWire, query)
    talking.greeted()
    talking.says(APPEND, audio=audio(0.1))
    talking.begins()
    assert talking.told(Begun(0.0, None)) == []
    return talking


def test_the_first_event_says_what_is_in_effect() -> None:
    (created,) = Client(RealtimeWire).greeted()
    session = created["session"]
    assert created["type"] == "session.created"
    assert (session["model"], session["instructions"], session["type"]) == ("kyutai/moshika", "", "realtime")
    assert session["audio"]["input"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "noise_reduction": None,
        "transcription": None,
        "turn_detection": None,
    }
    assert session["audio"]["output"]["speed"] == 1.0
    assert session["tools"] == []


def test_two_utterances_in_the_order_of_their_events() -> None:
    talking = live()
    events = talking.told(frame(), frame(), frame(), frame(0.5, token=1), *QUIET)
    assert types(events) == [*FIRST, AUDIO, AUDIO, AUDIO, TEXT, *[AUDIO] * 12, *LAST]
    created, done = events[0]["response"], events[-1]["response"]
    assert (created["status"], created["usage"]) == ("in_progress", None)
    assert (done["status"], done["id"]) == ("completed", created["id"])
    assert done["usage"]["output_tokens"] == done["usage"]["output_token_details"]["audio_tokens"] == 15
    assert done["output"][0]["content"] == [{"type": "output_audio", "text": None, "transcript": " hm"}]
    assert {event["response_id"] for event in events if "response_id" in event} == {created["id"]}
    first = done["output"][0]["id"]
    again = talking.told(frame(), frame(0.5), *QUIET)
    assert types(again) == [*FIRST, AUDIO, AUDIO, *[AUDIO] * 12, *LAST]
    added = again[2]
    assert added["type"] == "conversation.item.added"
    assert added["previous_item_id"] == first != added["item"]["id"]


def test_the_api_has_no_events_for_a_queue_a_prefill_and_a_warning() -> None:
    assert live().told(Place(1, None, None), PrefillProgress(0, 10, None), Notice("idle", 30.0)) == []


@pytest.mark.parametrize("type_", ["response.cancel", "output_audio_buffer.clear"])
def test_a_cancelled_response_is_not_heard_until_the_model_pauses(type_: str) -> None:
    talking = live()
    talking.told(frame(0.5, token=1))
    events = talking.says(type_)
    assert types(events) == LAST
    done = events[-1]["response"]
    assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "client_cancelled")
    assert talking.told(frame(0.5, token=1), frame(0.5), *QUIET) == []
    assert types(talking.told(frame(0.5)))[:4] == FIRST
    (error,) = live().says(type_, event_id="c1")
    assert (error["error"]["code"], error["error"]["event_id"]) == ("response_cancel_not_active", "c1")
    assert error["error"]["message"].startswith("Cancellation failed"), "LiveKit reports any other text as an error"


@pytest.mark.parametrize("after", [[frame(0.5), *QUIET], QUIET])
def test_a_cancelled_response_that_does_not_pause_is_not_heard_after_the_cut_of_long_ones(after: list[Frame]) -> None:
    talking = live()
    talking.told(frame(0.5))
    talking.says("response.cancel")
    assert talking.told(*[frame(0.5)] * (LONGEST_FRAMES - 1), *after) == []
    assert types(talking.told(frame(0.5)))[:4] == FIRST


def test_an_item_that_is_deleted_while_it_is_open_stays_deleted() -> None:
    talking = live()
    item = talking.told(frame(0.5))[1]["item"]["id"]
    assert types(talking.says("conversation.item.delete", item_id=item)) == ["conversation.item.deleted"]
    assert types(talking.told(*QUIET))[-1] == "response.done"
    (error,) = talking.says("conversation.item.retrieve", item_id=item)
    assert error["error"]["code"] == "item_not_found"


def test_an_item_of_the_client_replaces_no_other() -> None:
    talking = live()
    kept = talking.told(frame(0.5, token=1))[1]["item"]["id"]
    talking.told(*QUIET)
    message = {"type": "message", "role": "user", "id": kept, "content": "mine"}
    (error,) = talking.says("conversation.item.create", item=message, event_id="e9")
    assert (error["error"]["code"], error["error"]["param"]) == ("invalid_value", "item.id")
    assert error["error"]["event_id"] == "e9"
    (retrieved,) = talking.says("conversation.item.retrieve", item_id=kept)
    assert retrieved["item"]["content"][0]["transcript"] == " hm"


def test_of_two_items_with_one_id_that_come_together_the_second_is_refused() -> None:
    """Both are read before the sender answers the first."""
    talking = live()
    texts = [
        json.dumps({"type": "conversation.item.create", "event_id": name, "item": {"id": "twin", "content": name}})
        for name in ("first", "second")
    ]
    heard = [asyncio.run(talking.wire.hear(text)) for text in texts]
    *added, error = talking.told(*[item for one in heard for item in one.items])
    assert types(added) == ["conversation.item.added", "conversation.item.done"]
    assert (error["error"]["code"], error["error"]["event_id"]) == ("invalid_value", "second")


def test_a_refused_item_is_no_part_of_the_role() -> None:
    talking = Client(RealtimeWire)
    for text in ("one", "two"):
        item = {"type": "message", "role": "system", "id": "role", "content": text}
        talking.says("conversation.item.create", item=item)
    talking.says(APPEND, audio=audio(0.1))
    assert talking.begins().persona.text == "one"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (CloseCode.FINISHED, "session_expired"),
        (CloseCode.IDLE, "idle_timeout"),
        (CloseCode.GOING_AWAY, "server_shutdown"),
        (CloseCode.ENGINE_FAILED, "engine_failed"),
        (CloseCode.TOO_SLOW, "client_too_slow"),
    ],
)
def test_the_service_ends_it_and_the_open_response_is_incomplete(code: CloseCode, error: str) -> None:
    talking = live()
    assert types(talking.finished(End(code, Problem("some-end", "it is over")))) == ["error"]
    talking = live()
    talking.told(frame(0.5, token=1))
    events = talking.finished(End(code, Problem("some-end", "it is over")))
    assert types(events) == [*LAST, "error"]
    assert events[-2]["response"]["status"] == "incomplete"
    assert (events[-1]["error"]["code"], events[-1]["error"]["message"]) == (error, "it is over")


def test_events_that_change_nothing_have_their_answers() -> None:
    talking = live()
    (committed,) = talking.says("input_audio_buffer.commit")
    assert committed["type"] == "input_audio_buffer.committed"
    (cut,) = talking.says("conversation.item.truncate", item_id="i", content_index=0, audio_end_ms=80)
    assert (cut["type"], cut["item_id"], cut["audio_end_ms"]) == ("conversation.item.truncated", "i", 80)
    (error,) = talking.says("response.create", response={}, event_id="r1")
    assert error["error"]["code"] == "conversation_already_has_active_response"
    assert error["error"]["event_id"] == "r1"


def test_clearing_drops_the_input_that_waits() -> None:
    talking = live()
    answers, heard = talking.hears('{"type": "input_audio_buffer.clear"}')
    assert types(answers) == ["input_audio_buffer.cleared"]
    assert heard.clears


def test_the_last_items_are_kept() -> None:
    talking = live()
    ids: list[str] = []
    for number in range(KEPT + 1):
        added, done = talking.says(
            "conversation.item.create",
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"text {number}"}]},
        )
        assert (added["type"], done["type"]) == ("conversation.item.added", "conversation.item.done")
        assert added["item"]["status"] == "incomplete"
        assert added["previous_item_id"] == (ids[-1] if ids else None)
        ids.append(added["item"]["id"])
    (retrieved,) = talking.says("conversation.item.retrieve", item_id=ids[1])
    assert retrieved["item"]["content"][0]["text"] == "text 1"
    (deleted,) = talking.says("conversation.item.delete", item_id=ids[1])
    assert (deleted["type"], deleted["item_id"]) == ("conversation.item.deleted", ids[1])
    (deleted,) = talking.says("conversation.item.delete", item_id=ids[-1])
    (added, _) = talking.says("conversation.item.create", item={"type": "message", "role": "user", "content": "new"})
    assert added["previous_item_id"] == ids[-2], "not the one that was deleted"
    for id_ in ids[:2]:
        for type_ in ("conversation.item.retrieve", "conversation.item.delete"):
            (error,) = talking.says(type_, item_id=id_, event_id="x")
            assert (error["error"]["code"], error["error"]["event_id"]) == ("item_not_found", "x")


def test_an_unknown_event_is_an_error() -> None:
    (error,) = live().says("response.speak", event_id="u")
    assert (error["error"]["code"], error["error"]["event_id"]) == ("unknown_event", "u")


def test_the_session_begins_after_the_settings_that_follow_the_first_audio() -> None:
    """Pipecat sends audio first, and LiveKit sends the role in its second update."""
    talking = Client(RealtimeWire)
    talking.greeted()
    wire = talking.wire
    assert wire.due() == talking.now + 60
    talking.says(APPEND, audio=audio(0.1))
    begun = wire.due()
    assert wire.look(begun - 0.01) is None
    talking.says("session.update", session={"instructions": "one"})
    assert 0.29 < wire.due() - begun < 5
    talking.says("session.update", session={"instructions": "two"})
    later = wire.due()
    assert wire.look(later - 0.1) is None
    assert talking.begins(later - talking.now).persona.text == "two"


def test_it_does_not_wait_for_ever_for_more_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("moshi_backend.conversation.openai.realtime.time.monotonic", lambda: now[0])
    talking = Client(RealtimeWire)
    talking.says(APPEND, audio=audio(0.1))
    for _ in range(25):
        now[0] += 0.1
        talking.says("session.update", session={})
    assert talking.wire.due() == 102.0


def test_a_client_without_audio_is_ended_after_a_minute() -> None:
    talking = Client(RealtimeWire)
    end = talking.wire.look(talking.now + 60)
    assert end == End(CloseCode.IDLE, Problem("no-first-audio", "no audio came within 60 s"))
    assert types(talking.finished(end)) == ["error"]


def test_settings_count_until_the_beginning() -> None:
    talking = Client(RealtimeWire)
    session = {"type": "realtime", "instructions": "you are a bird", "audio": {"output": {"voice": "ben"}}}
    (updated,) = talking.says("session.update", session=session)
    assert updated["session"]["instructions"] == "you are a bird"
    assert updated["session"]["audio"]["output"]["voice"] == "ben"
    talking.says(
        "conversation.item.create", item={"type": "message", "role": "system", "content": [{"text": "of prey"}]}
    )
    talking.says(APPEND, audio=audio(0.1))
    assert talking.begins().persona == Persona("ben", "you are a bird\nof prey")
    (updated,) = talking.says("session.update", session={"instructions": "you are a cat", "voice": "anna"})
    assert updated["session"]["instructions"] == "you are a bird\nof prey"
    assert updated["session"]["audio"]["output"]["voice"] == "ben"


def test_a_role_in_an_item_is_used_only_before_the_beginning() -> None:
    item = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "of prey"}]}
    assert Client(RealtimeWire).says("conversation.item.create", item=item)[0]["item"]["status"] == "completed"
    assert live().says("conversation.item.create", item=item)[0]["item"]["status"] == "incomplete"
    talking = Client(RealtimeWire, offered=offer(catalogue(made_for_it=False)))
    assert talking.says("conversation.item.create", item=item)[0]["item"]["status"] == "incomplete"
    talking.says(APPEND, audio=audio(0.1))
    assert talking.begins().persona == Persona(None, "")


def test_a_role_that_becomes_too_long_by_an_item_is_an_error_at_once() -> None:
    talking = Client(RealtimeWire)
    item = {"type": "message", "role": "system", "content": [{"text": "word " * 15}]}
    assert talking.says("conversation.item.create", item=item)[0]["item"]["status"] == "completed"
    (error,), heard = talking.hears(json.dumps({"type": "conversation.item.create", "event_id": "i", "item": item}))
    assert (error["error"]["code"], error["error"]["event_id"]) == ("invalid_value", "i")
    assert heard.end is not None
    assert heard.end.code == CloseCode.BAD_PREFERENCE


DEFAULTS: list[dict[str, Any]] = [
    {
        "type": "realtime",
        "model": "gpt-realtime-2.1",
        "tracing": "auto",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "semantic_vad", "create_response": True, "interrupt_response": True},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "speed": 1, "voice": "marin"},
        },
    },
    {"modalities": ["text", "audio"], "voice": "alloy", "input_audio_format": "pcm16", "output_audio_format": "pcm16"},
    {"prompt": None, "include": None, "reasoning": {"effort": "low"}, "truncation": "auto", "delegation": None},
    {"tools": [{"type": "function", "name": "f", "parameters": {}}], "tool_choice": "required"},
]
"""Settings that SDKs and frameworks send unasked."""


@pytest.mark.parametrize("session", DEFAULTS)
def test_the_defaults_of_frameworks_are_taken(session: dict[str, Any]) -> None:
    (updated,) = Client(RealtimeWire).says("session.update", session=session)
    assert updated["type"] == "session.updated"
    assert updated["session"]["tools"] == []
    assert updated["session"]["audio"]["input"]["turn_detection"] is None


def test_strictly_a_setting_without_effect_is_an_error() -> None:
    (updated,) = Client(RealtimeWire, {"strict": "1"}).says("session.update", session={"model": "gpt-realtime-2.1"})
    assert updated["session"]["model"] == "kyutai/moshika"
    for session in DEFAULTS[0], DEFAULTS[2], DEFAULTS[3], {"audio": {"noise": 1}}:
        (error,) = Client(RealtimeWire, {"strict": "1"}).says("session.update", session=session, event_id="e")
        assert (error["error"]["code"], error["error"]["event_id"]) == ("unsupported_parameter", "e")


@pytest.mark.parametrize(
    ("session", "code", "param", "closes"),
    [
        ({"output_modalities": ["text"]}, "unsupported_parameter", "session.output_modalities", None),
        ({"modalities": ["text"]}, "unsupported_parameter", "session.output_modalities", None),
        ({"model": "gpt-5"}, "model_not_found", "model", 1008),
        ({"store": True}, "unsupported_parameter", "session.store", None),
        ({"type": "transcription"}, "unsupported_parameter", "session.type", None),
        ({"audio": {"output": {"voice": "carl"}}}, "invalid_voice", "session.audio.output.voice", 4001),
        ({"voice": {"id": "carl"}}, "invalid_voice", "session.audio.output.voice", 4001),
        ({"input_audio_format": "g711_ulaw"}, "unsupported_audio_format", "session.audio", 4001),
        ({"audio": {"input": {"format": {"type": "audio/pcma"}}}}, "unsupported_audio_format", "session.audio", 4001),
        ({"instructions": 5}, "invalid_value", "session.instructions", None),
        ({"voice": 5}, "invalid_value", "session.voice", None),
        ({"instructions": "word " * 40}, "invalid_value", "session.instructions", 4001),
        ({"temperature": 3}, "invalid_value", None, 4001),
    ],
)
def test_settings_that_are_not_possible(
    session: dict[str, Any], code: str, param: str | None, closes: int | None
) -> None:
    (error,), heard = Client(RealtimeWire).hears(
        json.dumps({"type": "session.update", "event_id": "e", "session": session})
    )
    assert {name: error["error"][name] for name in ("code", "param", "event_id")} == {
        "code": code,
        "param": param,
        "event_id": "e",
    }
    assert (heard.end and heard.end.code) == closes


def test_the_old_temperature_is_that_of_the_text() -> None:
    talking = Client(RealtimeWire)
    talking.says("session.update", session={"temperature": 0.4})
    talking.says(APPEND, audio=audio(0.1))
    assert talking.begins().sampling.text.temperature == 0.4


@pytest.mark.parametrize("model", ["", "gpt-realtime-2.1", "moshika", "kyutai/moshika", "moshi", "personaplex"])
def test_names_of_the_model(model: str) -> None:
    assert types(Client(RealtimeWire, {"model": model}).greeted()) == ["session.created"]


def test_another_model_is_an_error_that_lists_the_names() -> None:
    wire = Client(RealtimeWire, {"model": "gpt-5"})
    (error,) = wire.greeted()
    assert error["error"]["code"] == "model_not_found"
    assert error["error"]["message"] == (
        "there is no model 'gpt-5' here; takes kyutai/moshika, moshika, moshi, personaplex, and names of OpenAI's own"
    )
    end = wire.wire.greet().end
    assert end is not None
    assert end.code == 1008


def test_a_model_without_voices_takes_openais_names_only() -> None:
    offered = offer(catalogue(made_for_it=False))
    (updated,) = Client(RealtimeWire, offered=offered).says("session.update", session={"voice": "marin"})
    assert updated["session"]["audio"]["output"]["voice"] == "default"
    (error,) = Client(RealtimeWire, offered=offered).says("session.update", session={"voice": "ben"})
    assert error["error"]["code"] == "invalid_voice"
    assert error["error"]["message"].startswith("session.audio.output.voice: "), "in the words of this API"
    (updated,) = Client(RealtimeWire, offered=offer(catalogue(voice("ben")))).says(
        "session.update", session={"voice": "ben"}
    )
    assert updated["session"]["audio"]["output"]["voice"] == "ben"
