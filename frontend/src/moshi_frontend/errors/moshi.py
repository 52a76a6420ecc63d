"""Reasons why the frontend does not reach moshi. They are short, because close reasons carry them."""

from moshi_service.errors import Row

_waiting = Row(
    cause="moshi is starting or hangs, or a firewall drops the packets", remedy="look at moshi's log; wait a second"
)


@_waiting
def not_asked_yet() -> str:
    return "not asked yet"


@_waiting
def no_answer() -> str:
    return "no answer in time"


@Row(
    cause="the frontend calls moshi by a name that the automatic certificate does not have, for example a "
    "container's name",
    remedy="set `MOSHI_TLS_HOSTS=NAME` for moshi",
)
def certificate_name() -> str:
    return "its certificate has another name; see MOSHI_TLS_HOSTS"


@Row(
    cause="moshi uses its own certificate",
    remedy="set it to the file that `make certificate` prints; see [certificates.md](../how-to/certificates.md)",
)
def certificate_untrusted(why: str) -> str:
    return f"its certificate is not trusted ({why}); set FRONTEND_MOSHI_CA"


@Row(
    cause="the file does not exist, or belongs to another user",
    remedy="name the right file; in a container, mount the volume",
)
def authority_unreadable(why: object) -> str:
    return f"cannot read FRONTEND_MOSHI_CA ({why})"


_scheme = Row(
    cause="the URL of moshi has the wrong scheme. The frontend tried the other scheme and got an answer",
    remedy="change `MOSHI_URL`, or the result of discovery. moshi serves HTTPS unless `MOSHI_TLS=off`",
)


@_scheme
def serves_https() -> str:
    return "it serves HTTPS, not HTTP; try https://"


@_scheme
def serves_http() -> str:
    return "it serves HTTP, not HTTPS; try http://"


@Row(
    cause="moshi, or a proxy in front of it, refuses the frontend's TLS",
    remedy="read the reason in brackets and the log of the proxy",
)
def tls_failed(why: str) -> str:
    return f"TLS failed ({why})"


@Row(
    cause="`MOSHI_API_TOKEN` is set only for moshi, or differs",
    remedy="set the same token for both services",
)
def asks_for_token() -> str:
    return "it asks for a token; set MOSHI_API_TOKEN to the same here and there"


@Row(
    cause="moshi refuses requests to a [name](../how-to/operations.md#names) that it does not know",
    remedy="list the name of `MOSHI_URL` in `MOSHI_ALLOWED_HOSTS`, or in `MOSHI_TLS_HOSTS`",
)
def name_unknown() -> str:
    return "it does not know the name in its URL; list the name in MOSHI_ALLOWED_HOSTS there"


_stranger = Row(
    cause="another program has that port, or a proxy is in between",
    remedy="correct `MOSHI_URL`",
)


@_stranger
def not_moshi() -> str:
    return "something answers there, but not as moshi does; is the URL right?"


@_stranger
def not_moshi_status(status: int) -> str:
    return f"it answers {status}, so it is not moshi"


@_stranger
def not_moshi_websocket() -> str:
    return "it does not speak WebSocket, so it is not moshi"


@_stranger
def unexpected_answer(kind: str) -> str:
    return f"unexpected answer ({kind})"


@Row(
    cause="nothing listens at the address, the name cannot be looked up, or the network fails. The text is the "
    "system's",
    remedy="start moshi, or correct `MOSHI_URL`",
)
def connection_failed(why: str) -> str:
    return why


@Row(
    cause="a conversation broke. The frontend sends nobody to that replica until it answers again",
    remedy="read moshi's log",
)
def conversation_lost() -> str:
    return "the connection to moshi was lost"


_dns = Row(
    cause="DNS does not answer, or does not know the name in `MOSHI_URL`. Replicas that are known stay in use",
    remedy="correct the name, or fix DNS. In Kubernetes, a Service without ready pods has no address",
)


@_dns
def dns_failed(why: str) -> str:
    return f"DNS: {why}"


@_dns
def dns_has_no_address() -> str:
    return "DNS has no address for it"


@_dns
def dns_name_impossible() -> str:
    return "the name is not one that DNS can have"


@_dns
def look_up_failed(name: object, why: object, known: int) -> str:
    return f"cannot look up {name}: {why}; {known} known addresses stay in use"
