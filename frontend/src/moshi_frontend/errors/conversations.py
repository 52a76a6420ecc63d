"""Errors that end a conversation through the frontend, or that refuse one."""

from moshi_service.errors import Row


@Row(cause="every place is taken", remedy="come back after `Retry-After`")
def frontend_full(limit: int) -> str:
    return f"full: every connection is in use ({limit}); try again soon"


@Row(cause="the service stops", remedy="connect again later")
def frontend_shutting_down() -> str:
    return "the frontend is shutting down"


@Row(
    cause="moshi does not run, starts on another port, or its certificate is not trusted. The rest of the line is one "
    "of [these reasons](#the-frontend-does-not-reach-moshi)",
    remedy="read its log; check `MOSHI_URL` and `FRONTEND_MOSHI_CA`",
)
def moshi_unreachable(url: str, why: object) -> str:
    return f"moshi is not reachable at {url}: {why}"


@Row(cause="moshi ended or restarted", remedy="read its log")
def moshi_lost() -> str:
    return "the connection to moshi was lost; try again"


@Row(
    cause="in the log: somebody pressed *Connect*, and the frontend did not reach moshi. The rest of the line is the "
    "reason",
    remedy="follow the row of the reason",
)
def no_conversation(why: object) -> str:
    return f"no conversation: {why}"


@Row(cause="the frontend stops or is replaced", remedy="connect again: another one may answer")
def frontend_draining() -> str:
    return "the frontend is shutting down; try again soon"
