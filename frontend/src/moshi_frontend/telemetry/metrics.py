"""Every metric of the service. docs/reference/metrics.md is made from this list.

Attributes take few values, all known beforehand: no session, client or text is one.
"""

from moshi_service.telemetry.metrics import CONVERSATION_BUCKETS, Instruments

INSTRUMENTS = Instruments("moshi_frontend", "frontend")
_counter, _histogram, _gauge = INSTRUMENTS.counter, INSTRUMENTS.histogram, INSTRUMENTS.gauge


IO = _counter("proxy.io", "By", "What was passed on", direction="`to_moshi`, `to_client`")
REFUSED = _counter(
    "sessions.refused",
    "{session}",
    "Clients who were turned away here",
    reason="`origin`, `draining`, `full`, `address`: it comes too often, `unreachable`: moshi is, `moshi`: it refused",
)
TRIES = _counter(
    "moshi.tries",
    "{try}",
    "Replicas that were asked to take a conversation",
    outcome="`accepted`, `unreachable`, or the reason of moshi's refusal: `full`, `starting`, `draining`, `failed`, "
    "`setting`, `token`, `origin`, `host`, `address`, `other`",
)
MOVES = _counter("moshi.moves", "{move}", "Waiting clients that got a slot with another replica")
DURATION = _histogram(
    "session.duration",
    "s",
    "Of a connection",
    CONVERSATION_BUCKETS,
    end="who ended it: `client`, `moshi`, `lost`, `frontend`",
)
DROPPED_CONNECTIONS = INSTRUMENTS.dropped_connections()
LOOP_LAG = INSTRUMENTS.loop_lag()
ACTIVE = _gauge("sessions.active", "{session}", "Connections that are passed on to moshi")
MOSHI_REPLICAS = _gauge(
    "moshi.replicas",
    "{replica}",
    "Replicas of moshi",
    state="`starting`, `ready`, `draining`, `failed`, `unreachable`",
)
