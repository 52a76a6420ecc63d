"""`WS /api/chat`: checks clients, gives each a session, and refuses them with a reason."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from fastapi import WebSocket
from opentelemetry import trace
from opentelemetry.propagate import extract
from starlette.websockets import WebSocketDisconnect

from moshi_backend.api.auth import Auth, Rejected
from moshi_backend.api.trial import deny, load_header
from moshi_backend.conversation.connection import Connection, close
from moshi_backend.conversation.inbox import Inbox
from moshi_backend.conversation.manager import Refused, SessionManager, not_ready
from moshi_backend.conversation.observer import Observer
from moshi_backend.conversation.outbox import End
from moshi_backend.conversation.preferences import BadPreference, choose, choose_persona
from moshi_backend.conversation.session import Session
from moshi_backend.conversation.upstream import UpstreamWire, farewell
from moshi_backend.engine.engine import Engine
from moshi_backend.loading import LoadedCheckpoint
from moshi_backend.telemetry import metrics
from moshi_service.protocol.upgrade import TRIAL_HEADER, Trial
from moshi_service.protocol.wire import CloseCode, close_reason, wants_events

log = logging.getLogger(__name__)
_tracer = trace.get_tracer("moshi_backend")


async def chat(
    socket: WebSocket,
    engine: Engine[LoadedCheckpoint],
    manager: SessionManager,
    pool: ThreadPoolExecutor,
    auth: Auth,
    log_text: bool,
) -> None:
    """Serve one client until its conversation ends.

    The decision comes before the socket is accepted. A client that sends no `Scenario6-Trial` is accepted even to be
    refused: a browser learns neither code nor reason of a failed upgrade.

    Args:
        log_text: whether the model's text goes into the log.
    """
    trial = socket.headers.get(TRIAL_HEADER)
    with _tracer.start_as_current_span("conversation", extract(socket.headers), trace.SpanKind.SERVER) as span:
        extended = wants_events(socket.query_params)
        try:
            with auth.admit(socket):
                observer = Observer(span, log_text=log_text)
                loaded, session = _enter(socket, engine, manager, observer, may_wait=trial != Trial.SLOT)
                try:
                    wire = UpstreamWire(session, loaded.model, pool, extended=extended)
                    await socket.accept(headers=load_header(manager))
                    await Connection(socket, Inbox(socket), session, manager, wire).run()
                finally:
                    manager.leave(session)
        except Rejected as rejected:
            problem = rejected.problem
            log.info("refused: [%s] %s", problem.code, close_reason(problem.text, rejected.retry_after))
            metrics.REFUSED.add(1, {"reason": rejected.cause, "trial": trial is not None})
            span.set_attributes({"moshi.refused": rejected.cause, "moshi.close.code": rejected.code.value})
            if trial is not None:
                await deny(socket, rejected, manager)
                return
            await socket.accept(headers=load_header(manager))
            with suppress(WebSocketDisconnect):  # the client left first
                end = End(rejected.code, problem, retry_after=rejected.retry_after)
                await close(socket, farewell(end, extended=extended), end)


def _enter(
    socket: WebSocket,
    engine: Engine[LoadedCheckpoint],
    manager: SessionManager,
    observer: Observer,
    *,
    may_wait: bool,
) -> tuple[LoadedCheckpoint, Session]:
    """The model, and a session that the manager has let in. It waits for a slot only if it `may_wait`.

    Raises:
        Rejected: no conversation can begin.
    """
    if (loaded := engine.loaded) is None:
        raise Rejected(manager.health.status, CloseCode.TRY_LATER, not_ready(manager.health))
    try:
        persona = choose_persona(socket.query_params, loaded.catalogue)
        sampling = choose(socket.query_params, loaded.model.sampling)
        session = Session(sampling, persona, loaded.catalogue.prompt(persona), observer)
        manager.enter(session, may_wait=may_wait)
    except BadPreference as error:
        raise Rejected("setting", CloseCode.BAD_PREFERENCE, error.problem) from None
    except Refused as refusal:
        raise Rejected(refusal.cause, CloseCode.TRY_LATER, refusal.problem, retry_after=refusal.retry_after) from None
    return loaded, session
