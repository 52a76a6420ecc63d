"""`WS /api/chat`: lets clients in, or says why not."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from fastapi import WebSocket
from opentelemetry import trace
from opentelemetry.propagate import extract
from starlette.websockets import WebSocketDisconnect

from moshi_backend.api.auth import Access, Rejected
from moshi_backend.conversation.connection import Conversation, close
from moshi_backend.conversation.manager import Lobby, Refused
from moshi_backend.conversation.preferences import BadPreference, choose, choose_persona
from moshi_backend.conversation.session import End, Session
from moshi_backend.telemetry import metrics
from moshi_service.protocol.wire import Close, close_reason, wants_events

log = logging.getLogger(__name__)
_tracer = trace.get_tracer("moshi_backend")


async def chat(socket: WebSocket, lobby: Lobby, pool: ThreadPoolExecutor, access: Access, log_text: bool) -> None:
    """Serve one client.

    The socket is accepted even to be refused: a browser learns neither code nor reason of a failed upgrade.
    """
    with _tracer.start_as_current_span("conversation", extract(socket.headers), trace.SpanKind.SERVER) as span:
        await socket.accept()
        extended = wants_events(socket.query_params)
        try:
            with access.admit(socket):
                session = _enter(socket, lobby)
                try:
                    await Conversation(socket, session, lobby, pool, extended=extended, log_text=log_text).run()
                finally:
                    lobby.leave(session)
        except Rejected as rejected:
            log.info("refused: %s", close_reason(str(rejected), rejected.retry_after))
            metrics.REFUSED.add(1, {"reason": rejected.cause})
            span.set_attributes({"moshi.refused": rejected.cause, "moshi.close.code": rejected.code.value})
            with suppress(WebSocketDisconnect):  # it left first
                await close(
                    socket, End(rejected.code, str(rejected), retry_after=rejected.retry_after), extended=extended
                )


def _enter(socket: WebSocket, lobby: Lobby) -> Session:
    if (loaded := lobby.engine.loaded) is None:
        raise Rejected(lobby.health.status, Close.TRY_LATER, f"{lobby.health.status}: {lobby.health.detail}")
    try:
        persona = choose_persona(socket.query_params, loaded.catalogue)
        session = Session(choose(socket.query_params, loaded.model.sampling), persona, loaded.catalogue.prefix(persona))
        lobby.enter(session)
    except BadPreference as error:
        raise Rejected("setting", Close.BAD_PREFERENCE, str(error)) from None
    except Refused as refusal:
        raise Rejected(refusal.cause, Close.TRY_LATER, str(refusal), retry_after=refusal.retry_after) from None
    return session
