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
    reason="`origin`, `draining`, `full`, `address`: it comes too often, `unreachable`: moshi is",
)
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
MOSHI_READY = _gauge("moshi.ready", "1", "1 while moshi says that it is ready, else 0", url="of each configured moshi")
