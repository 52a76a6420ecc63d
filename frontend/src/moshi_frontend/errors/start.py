"""Errors of the start of the frontend."""

from moshi_service.errors import Row


@Row(
    cause="somebody started the frontend alone",
    remedy="set `MOSHI_URL`, or start both services with `make run`",
)
def moshi_unknown() -> str:
    return (
        "nothing says where moshi is; set MOSHI_URL, e.g. MOSHI_URL=https://localhost:8998 "
        "(Aspire sets services__scenario6-moshi__https__0 instead)"
    )


_url = Row(
    cause="`MOSHI_URL` has a mistake",
    remedy="write scheme, host and port; [scale.md](../how-to/scale.md#the-address-of-moshi) lists the kinds of "
    "addresses",
)


@_url
def moshi_url_malformed(variable: str, value: str) -> str:
    return f"{variable}={value!r} is not a URL such as https://localhost:8998"


@_url
def moshi_url_with_password(variable: str) -> str:
    return f"{variable} must not contain a user name or password"


@Row(
    cause="a browser's WebSocket cannot carry this header",
    remedy="leave the mode at `proxy`",
)
def direct_with_token() -> str:
    return "FRONTEND_MOSHI_MODE=direct: browsers cannot send MOSHI_API_TOKEN; use proxy, or unset it"


@Row(
    cause="SRV records belong to a service, and contain the ports",
    remedy="write `_service._tcp.` before the name, and no port after it",
)
def moshi_srv_malformed(variable: str, value: str) -> str:
    return f"{variable}={value!r} is not a name of SRV records such as srv+https://_moshi._tcp.service.consul"


@Row(
    cause="`MOSHI_URL` is a name for several replicas, and only the frontend looks it up",
    remedy="leave the mode at `proxy`, or list URLs",
)
def direct_with_name(name: object) -> str:
    return (
        f"FRONTEND_MOSHI_MODE=direct: browsers cannot choose among the replicas of {name}; "
        "use proxy, or list the replicas' URLs in MOSHI_URL"
    )


_keys_file = Row(
    cause="the file cannot be read, has no key, or has a line that is no key",
    remedy="write one key in each line, in letters, digits and ASCII punctuation",
)


@_keys_file
def api_keys_file_invalid(path: object, why: object) -> str:
    return f"FRONTEND_API_KEYS_FILE={path} cannot be used: {why}"


@_keys_file
def api_keys_file_empty(path: object) -> str:
    return f"FRONTEND_API_KEYS_FILE={path} has no key"
