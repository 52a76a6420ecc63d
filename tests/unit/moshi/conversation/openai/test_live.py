"""The Live API, event by event. Every event is also read with the SDK's own classes."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from moshi_backend.conversation.admission import Place
from moshi_backend.conversation.limits import Notice
from moshi_backend.conversation.openai.live import LiveWire
from moshi_backend.conversation.outbox import Begun, End
from moshi_backend.engine.request import PrefillProgress
from moshi_backend.personas.catalogue import Persona
from moshi_service.errors import Problem
from moshi_service.protocol.openai.live import CLIENT
from moshi_service.protocol.wire import CloseCode
from support.openai import Client, audio, frame, offer, types
from support.personas import catalogue, voice

BEGUN = Begun(0.0, None)


def client(session: dict[str, Any] | None = None, **query: str) -> Client:
    """It has sent `session.start`."""
    started = Client(LiveWire, query)
    assert started.says("session.start", event_id="s1", session=session or {}) == []
    return started


def live(**query: str) -> Client:
    talking = client({}, **query)
    talking.begins()
    talking.told(BEGUN)
    return talking


def test_a_session_in_the_order_of_its_events() -> None:
    talking = client({"instructions": "you are a bird", "audio": {"output": {"voice": "ben"}}})
    assert talking.begins().persona == Persona("ben", "you are a bird")
    assert talking.session is not None
    events = talking.told(
        Place(2, None, 90.4),
        Place(1, 12.6, 90.4),
        PrefillProgress(0, 40, None),
        PrefillProgress(20, 40, 1.0),
        BEGUN,
        frame(0.5, token=1),
        frame(0.5),
        frame(0.0, token=2),
        Notice("idle", 30.0),
        Notice("session", 29.6),
        Notice("draining", 10.0),
    )
    assert types(events) == [
        *("info", "info", "info", "session.started"),
        *("session.output_audio.delta", "session.output_transcript.delta"),
        "session.output_audio.delta",
        *("session.output_audio.delta", "session.output_transcript.delta"),
        *("info", "info", "info"),
    ]
    assert [(event["code"], event["message"]) for event in events if event["type"] == "info"] == [
        ("queue", "place 2 in the queue, at most 90 s"),
        ("queue", "place 1 in the queue, about 13 s"),
        ("prefill", "the model reads the voice and the role"),
        ("warning_idle", "the session ends in 30 s"),
        ("warning_session", "the session ends in 30 s"),
        ("warning_draining", "the session ends in 10 s"),
    ]
    started = events[3]
    assert started["client_event_id"] == "s1"
    session = started["session"]
    assert {name: session[name] for name in ("id", "model", "instructions", "status")} == {
        "id": talking.session.id,
        "model": "kyutai/moshika",
        "instructions": "you are a bird",
        "status": "active",
    }
    assert session["audio"] == {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "ben"}}
    texts = [event for event in events if event["type"] == "session.output_transcript.delta"]
    assert [(text["delta"], text["start_ms"], text["end_ms"]) for text in texts] == [(" hm", 0, 80), (" yes", 160, 240)]
    assert all("event_id" in event for event in events if event["type"] != "session.output_audio.delta")


def test_the_input_is_heard_muted_and_heard_again() -> None:
    talking = live()
    _, heard = talking.hears(json.dumps({"type": "session.input_audio.append", "audio": audio(0.2)}))
    assert heard.frames is not None
    assert [float(one[0]) for one in heard.frames] == pytest.approx([1000 / 32768] * 2)
    (muted,) = talking.says("session.input_audio.mute", event_id="m1")
    assert (muted["type"], muted["client_event_id"]) == ("session.input_audio.muted", "m1")
    _, heard = talking.hears(json.dumps({"type": "session.input_audio.append", "audio": audio(0.08)}))
    assert heard.frames is not None
    assert [float(one.max()) for one in heard.frames] == [0.0]
    assert types(talking.says("session.input_audio.unmute")) == ["session.input_audio.unmuted"]
    _, heard = talking.hears(json.dumps({"type": "session.input_audio.append", "audio": audio(0.08)}))
    assert heard.frames is not None
    assert heard.frames[0].max() > 0


def test_an_update_says_what_is_in_effect() -> None:
    (updated,) = live().says("session.update", session={"delegation": None}, event_id="u1")
    assert (updated["type"], updated["client_event_id"]) == ("session.updated", "u1")
    assert updated["session"]["model"] == "kyutai/moshika"


def test_the_client_closes_it() -> None:
    talking = live()
    talking.told(frame(0.1), frame(0.1))
    answers, heard = talking.hears('{"type": "session.close", "event_id": "c1"}')
    assert answers == []
    assert heard.end == End(CloseCode.FINISHED, Problem("closed-by-client", "the client closed the session"))
    (closed,) = talking.finished(heard.end)
    assert (closed["type"], closed["reason"], closed["client_event_id"]) == ("session.closed", "close_requested", "c1")
    assert closed["usage"] == {"seconds": 0.16}


@pytest.mark.parametrize(
    ("code", "error", "reason"),
    [
        (CloseCode.FINISHED, "session_expired", "expired"),
        (CloseCode.IDLE, "idle_timeout", "connection_lost"),
        (CloseCode.GOING_AWAY, "server_shutdown", "connection_lost"),
        (CloseCode.ENGINE_FAILED, "engine_failed", "connection_lost"),
        (CloseCode.TOO_SLOW, "client_too_slow", "connection_lost"),
    ],
)
def test_the_service_ends_it_with_an_error_first(code: CloseCode, error: str, reason: str) -> None:
    told, closed = live().finished(End(code, Problem("some-end", "it is over")))
    assert (told["type"], told["error"]["code"], told["error"]["message"]) == ("error", error, "it is over")
    assert (closed["type"], closed["reason"]) == ("session.closed", reason)


@pytest.mark.parametrize("type_", ["session.input_audio.append", "session.update", "session.close"])
def test_nothing_comes_before_the_start(type_: str) -> None:
    early = Client(LiveWire)
    (error,) = early.says(type_, event_id="e1", audio="")
    assert (error["error"]["code"], error["error"]["client_event_id"]) == ("session_not_started", "e1")
    assert early.says("session.start", session={"model": "gpt-live-1"}) == []
    assert early.begins()


def test_it_starts_once() -> None:
    (error,) = client().says("session.start", session={}, event_id="s2")
    assert (error["error"]["code"], error["client_event_id"]) == ("session_already_started", "s2")


def test_a_client_that_does_not_start_is_ended_after_ten_seconds() -> None:
    silent = Client(LiveWire)
    assert silent.wire.due() == silent.now + 10
    assert silent.wire.look(silent.now + 9.9) is None
    end = silent.wire.look(silent.now + 10)
    assert end == End(CloseCode.IDLE, Problem("session-start-late", "no session.start came within 10 s"))
    assert types(silent.finished(end)) == ["error"]


@pytest.mark.parametrize(
    "type_",
    [
        *("session.instructions.append", "session.thinking.append", "session.commentary.append"),
        *("session.output_audio.fixture.play", "decision.create", "response.create", "response.item.create", "x"),
    ],
)
def test_events_without_a_meaning_here_are_errors_and_the_session_goes_on(type_: str) -> None:
    answers, heard = live().hears(json.dumps({"type": type_, "event_id": "e"}))
    assert answers[0]["error"]["code"] == "unsupported_event"
    assert answers[0]["client_event_id"] == "e"
    assert type_ in answers[0]["error"]["message"]
    assert heard.end is None


@pytest.mark.parametrize("text", ["{}", '{"type": null}', '{"type": 5}'])
def test_an_event_without_a_type_is_an_error_that_says_so(text: str) -> None:
    (error,), heard = live().hears(text)
    assert (error["error"]["code"], error["error"]["param"]) == ("unsupported_event", "type")
    assert "`type` is missing" in error["error"]["message"]
    assert heard.end is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "[" * 5000, '{"type": "\\ud800"}'])
def test_what_is_no_json_object_is_an_error_and_the_third_ends_the_session(text: str) -> None:
    talking = live()
    ends = []
    for _ in range(3):
        (error,), heard = talking.hears(text)
        assert error["error"]["code"] == "invalid_json"
        ends.append(heard.end and heard.end.code)
    assert ends == [None, None, CloseCode.NOT_OPUS]


@pytest.mark.parametrize(
    ("event", "param"),
    [
        ({"type": "session.input_audio.append"}, "audio"),
        ({"type": "session.input_audio.append", "audio": 5}, "audio"),
        ({"type": "session.input_audio.append", "audio": "*"}, "audio"),
        ({"type": "session.input_audio.append", "audio": audio(0.1)[:-1]}, "audio"),
        ({"type": "session.close", "event_id": 5}, "event_id"),
        ({"type": "session.close", "event_id": "x" * 513}, "event_id"),
    ],
)
def test_a_bad_field_is_named_and_the_session_goes_on(event: dict[str, object], param: str) -> None:
    (error,), heard = live().hears(json.dumps(event))
    assert (error["error"]["code"], error["error"]["param"]) == ("invalid_value", param)
    assert heard.end is None


@pytest.mark.parametrize(
    "session",
    [{"input": [{"content": [[]] * 80_000}]}, {"input": [{"content": [{}] * 80_000}]}, {"input": [5] * 80_000}],
)
def test_a_list_of_mistakes_is_read_up_to_the_first(session: dict[str, Any]) -> None:
    """pydantic makes an error of each, which takes seconds on the event loop."""
    message = json.dumps({"type": "session.start", "session": session})
    with pytest.raises(ValidationError) as found:
        CLIENT.validate_json(message)
    assert found.value.error_count() <= 2
    (error,), _ = Client(LiveWire).hears(message)
    assert (error["error"]["code"], error["error"]["param"][:13]) == ("invalid_value", "session.input")


def test_a_list_may_have_128_entries() -> None:
    item = {"role": "user", "content": "x"}
    assert client({"input": [item] * 128}).begins()
    (error,) = Client(LiveWire).says("session.start", session={"input": [item] * 129})
    assert (error["error"]["code"], error["error"]["param"]) == ("invalid_value", "session.input")


def test_a_binary_message_ends_it_with_1003() -> None:
    (error,), heard = live().hears(b"\x01OggS")
    assert error["error"]["code"] == "binary_message"
    assert heard.end is not None
    assert heard.end.code == 1003


@pytest.mark.parametrize(
    ("session", "persona"),
    [
        ({}, Persona("anna", "")),
        ({"model": "gpt-live-1", "delegation": {"type": "responses", "responses": {}}}, Persona("anna", "")),
        ({"model": "moshika", "audio": {"output": {"voice": "marin"}}}, Persona("anna", "")),
        ({"model": "kyutai/moshika", "audio": {"output": {"voice": {"id": "ben"}}}}, Persona("ben", "")),
        ({"model": "personaplex", "audio": {"format": {"type": "audio/pcm", "rate": 24000}}}, Persona("anna", "")),
        ({"model": None, "instructions": None, "store": False, "input": []}, Persona("anna", "")),
        (
            {
                "instructions": "one",
                "input": [
                    {"role": "developer", "content": [{"type": "input_text", "text": "two"}]},
                    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "no"}]},
                    {"role": "system", "content": "three"},
                ],
            },
            Persona("anna", "one\ntwo\nthree"),
        ),
    ],
)
def test_settings_that_are_taken(session: dict[str, Any], persona: Persona) -> None:
    offered = offer(catalogue(voice("anna"), voice("ben"), default="anna"))
    talking = Client(LiveWire, offered=offered)
    assert talking.says("session.start", session=session) == []
    assert talking.begins().persona == persona


def test_a_voice_of_the_service_comes_before_one_of_openai_with_its_name() -> None:
    offered = offer(catalogue(voice("anna"), voice("echo"), default="anna"))
    talking = Client(LiveWire, offered=offered)
    talking.says("session.start", session={"audio": {"output": {"voice": "echo"}}})
    assert talking.begins().persona.voice == "echo"


@pytest.mark.parametrize("session", [{"audio": {"format": {"type": "a\nb"}}}, {"a\nb": 1}])
def test_words_of_a_client_stay_on_one_line_of_the_log(session: dict[str, Any]) -> None:
    (error,) = client(session, strict="1").refused()
    assert "a\\nb" in error["error"]["message"]


@pytest.mark.parametrize(
    ("session", "code", "closes"),
    [
        ({"model": "gpt-5"}, "model_not_found", 1008),
        ({"audio": {"output": {"voice": "carl"}}}, "invalid_voice", 4001),
        ({"audio": {"format": {"type": "audio/pcm", "rate": 16000}}}, "unsupported_audio_format", 4001),
        ({"audio": {"format": {"type": "audio/pcmu", "rate": 8000}}}, "unsupported_audio_format", 4001),
        ({"store": True}, "unsupported_parameter", 4001),
        ({"instructions": "word " * 40}, "invalid_value", 4001),
    ],
)
def test_settings_that_end_it(session: dict[str, Any], code: str, closes: int) -> None:
    talking = client(session)
    (error,) = talking.refused()
    assert (error["error"]["code"], error["client_event_id"], talking.close_code) == (code, "s1", closes)


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({"delegation": {"type": "client"}}, "session.delegation"),
        ({"audio": {"noise": 1}}, "session.audio.noise"),
        ({"audio": {"output": {"speed": 2}}}, "session.audio.output.speed"),
    ],
)
def test_strictly_a_setting_without_effect_is_an_error(session: dict[str, Any], param: str) -> None:
    assert client(session).begins()
    (error,) = client(session, strict="1").refused()
    assert (error["error"]["code"], error["error"]["param"]) == ("unsupported_parameter", param)


def test_a_model_that_takes_no_role_ignores_it_and_says_so() -> None:
    offered = offer(catalogue(made_for_it=False))
    talking = Client(LiveWire, offered=offered)
    talking.says("session.start", session={"instructions": "you are a bird"})
    assert talking.begins().persona == Persona(None, "")
    (started,) = talking.told(BEGUN)
    assert (started["session"]["instructions"], started["session"]["audio"]["output"]["voice"]) == ("", "default")
    strict = Client(LiveWire, {"strict": "1"}, offered)
    strict.says("session.start", session={"instructions": "you are a bird"})
    assert strict.refused()[0]["error"]["param"] == "session.instructions"


def test_query_parameters_of_the_other_protocol_count() -> None:
    choice = client(text_temperature="0.3", seed="7", voice_prompt="ben").begins()
    assert (choice.sampling.text.temperature, choice.sampling.audio.seed, choice.persona.voice) == (0.3, 7, "ben")
    (error,) = client(text_temperature="9").refused()
    assert (error["error"]["code"], error["error"]["message"]) == (
        "invalid_value",
        "text_temperature='9': takes a number from 0 to 2",
    )


def test_a_session_without_a_limit_has_a_time_that_is_far_away() -> None:
    talking = Client(LiveWire, offered=offer(lifetime=0.0))
    talking.says("session.start", session={})
    talking.begins()
    (started,) = talking.told(BEGUN)
    assert started["session"]["expires_at"] > 1_700_000_000
