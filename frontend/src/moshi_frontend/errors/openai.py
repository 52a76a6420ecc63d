"""Errors of OpenAI's APIs at the frontend."""

from moshi_service.errors import Row


@Row(
    cause="the frontend has no keys (404)",
    remedy="set `FRONTEND_API_KEYS`, or call moshi itself",
)
def api_off() -> str:
    return "this service has no API; its operator turns it on with FRONTEND_API_KEYS"


@Row(
    cause="the client's key is none of the frontend's (401)",
    remedy="send the key as `Authorization: Bearer`, as SDKs do",
)
def api_key_wrong() -> str:
    return "the API key is missing or wrong: send one of FRONTEND_API_KEYS"


@Row(
    cause="`/v1/models` of the frontend has no answer yet (503)",
    remedy="read [this section](#the-frontend-does-not-reach-moshi)",
)
def models_unknown(why: object) -> str:
    return f"moshi is not reachable: {why}"
