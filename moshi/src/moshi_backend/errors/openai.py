"""Errors of OpenAI's Live and Realtime APIs."""

from moshi_service.errors import Row

_unreadable = Row(
    cause="the client has a mistake, or speaks the protocol of `/api/chat`. The third message that is not JSON, and "
    "the first binary one, end the session",
    remedy="send one event as JSON in each text message",
)


@_unreadable
def message_not_json() -> str:
    return "the message is not a JSON object; send one event in each"


@_unreadable
def message_binary() -> str:
    return "messages are JSON in text, not binary"


_event = Row(
    cause="the message has no type, the API has no event of this type, or a Moshi cannot serve it",
    remedy="leave the event out; [openai.md](openai.md) lists the events",
)


@_event
def event_unknown(name: str) -> str:
    return f"{name}: this service has no such event; leave it out"


@_event
def event_without_type() -> str:
    return "the message is no event: its field `type` is missing, or is no text"


_field = Row(cause="a field of the event has a bad value; the message names the field", remedy="correct the field")


@_field
def event_field_invalid(field: str, why: object) -> str:
    return f"{field}: {why}"


@_field
def event_audio_invalid(why: object) -> str:
    return f"audio: {why}; send whole chunks of base64, with their padding"


_start = Row(
    cause="a Live session begins with one `session.start`",
    remedy="send it once, at once after the connection",
)


@_start
def session_not_started() -> str:
    return "send session.start first"


@_start
def session_started_already() -> str:
    return "the session has started already; send session.start only once"


@_start
def session_start_late(seconds: float) -> str:
    return f"no session.start came within {seconds:.0f} s"


@Row(
    cause="a Realtime client sent no audio after its connection",
    remedy="send audio; a muted client sends silence",
)
def no_first_audio(seconds: float) -> str:
    return f"no audio came within {seconds:.0f} s"


@Row(
    cause="the client asks for another model (1008)",
    remedy="leave `model` out, or use the id from `/v1/models`",
)
def model_not_here(name: str, models: str) -> str:
    return f"there is no model {name!a} here; takes {models}, and names of OpenAI's own"


@Row(
    cause="the client asks for G.711 or another rate (4001)",
    remedy="convert the audio, or let LiveKit or Pipecat do it",
)
def audio_format_not_served(asked: str) -> str:
    return f"{asked} is not served; send and expect audio/pcm at 24000 Hz"


_feature = Row(
    cause="the client depends on a feature that a Moshi does not have. `setting-without-effect` comes only with "
    "`?strict=1`",
    remedy="leave the setting out",
)


@_feature
def always_speaks() -> str:
    return "this model always speaks; leave out output_modalities, or send ['audio']"


@_feature
def nothing_stored() -> str:
    return "nothing is stored here; leave out store"


@_feature
def setting_without_effect(name: str) -> str:
    return f"session.{name} has no effect here; leave it out"


@_feature
def session_type_unknown(name: str) -> str:
    return f"session.type={name!a}: takes realtime"


@Row(
    cause="a client asked for a response. Frameworks do so unasked, and go on after this error",
    remedy="nothing, if a framework sent it",
)
def speaks_by_itself() -> str:
    return "this model speaks when it decides to; send audio only"


@Row(cause="the client cancelled a response that had ended", remedy="nothing")
def no_open_response() -> str:
    return "Cancellation failed: no response is open"  # LiveKit knows the error by OpenAI's first two words


@Row(
    cause="the client asked for an item that is too old, or that never was",
    remedy="keep your own record",
)
def item_not_kept(name: str, kept: int) -> str:
    return f"there is no item {name!a}; the last {kept} are kept"


@Row(cause="in the log: the client sent `session.close`", remedy="nothing")
def closed_by_client() -> str:
    return "the client closed the session"
