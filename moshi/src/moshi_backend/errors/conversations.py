"""Errors that end a conversation with moshi, or that refuse one."""

from moshi_service.errors import Row


@Row(
    cause="moshi has a token, and the client or the frontend does not have it",
    remedy="give both services the same token",
)
def token_needed() -> str:
    return "a token is needed: that of MOSHI_API_TOKEN"


@Row(
    cause="the model still loads, the service stops, or the model has failed. The rest of the line says which",
    remedy="wait, or follow the row of the reason",
)
def not_ready(status: str, detail: object) -> str:
    return f"{status}: {detail}"


_full = Row(cause="every place is taken", remedy="come back after `Retry-After`")


@_full
def slots_full(slots: int) -> str:
    return f"full: every slot is in use ({slots})"


@_full
def queue_full(slots: int, waiting: int) -> str:
    return f"full: every slot is in use ({slots}), {waiting} waiting"


@Row(cause="the client has a mistake", remedy="read [protocol.md](protocol.md)")
def not_opus(why: object) -> str:
    return f"audio is not Ogg/Opus: {why}"


_sound = Row(
    cause="the client collects sound before it sends it, or its stream is damaged",
    remedy="send sound as it comes, in pages of a second or less",
)


@_sound
def audio_page_too_long(why: object, seconds: float) -> str:
    return f"audio cannot be decoded: {why}; a page may have at most {seconds} s of sound"


@_sound
def audio_message_too_long(seconds: float) -> str:
    return f"a message has more than {seconds} s of sound"


@Row(
    cause="a query parameter is out of its range (4001)",
    remedy="use a value in the range; `/api/info` has the ranges under `settings`",
)
def preference_out_of_range(name: str, value: str, kind: str, least: float, most: float) -> str:
    return f"{name}={value!r}: takes {kind} from {least} to {most}"


_limit = Row(
    cause="the conversation reached a limit of the operator",
    remedy="the operator can change `MOSHI_SESSION_SECONDS` and `MOSHI_IDLE_SECONDS`",
)


@_limit
def time_over() -> str:
    return "the time for a conversation is over"


@_limit
def no_audio() -> str:
    return "no audio came for too long"


@Row(cause="the client reads too slowly", remedy="read while you write")
def audio_unread(frames: int) -> str:
    return f"{frames} frames of audio were left unread"


@Row(cause="the service stops", remedy="connect again later")
def shutting_down() -> str:
    return "the service is shutting down"
