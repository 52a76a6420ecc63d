"""`WS /v1/live/sessions`, `WS /v1/realtime` and `GET /v1/models`: conversations by OpenAI's APIs."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from fastapi import WebSocket
from opentelemetry import trace
from opentelemetry.propagate import extract
from starlette.requests import Request
from starlette.websockets import WebSocketDisconnect

from moshi_backend.api.auth import Auth, Rejected
from moshi_backend.api.trial import deny, load_header
from moshi_backend.conversation.connection import Connection, close
from moshi_backend.conversation.inbox import Inbox, Left
from moshi_backend.conversation.manager import Refused, SessionManager
from moshi_backend.conversation.observer import Observer
from moshi_backend.conversation.openai.choices import Choice, Offer
from moshi_backend.conversation.openai.errors import ApiError
from moshi_backend.conversation.openai.opening import OpenAIWire, answer, choose
from moshi_backend.conversation.outbox import End
from moshi_backend.conversation.session import Session
from moshi_backend.engine.engine import Engine
from moshi_backend.errors import conversations as errors
from moshi_backend.loading import LoadedCheckpoint
from moshi_backend.model.batch import BatchedModel
from moshi_backend.telemetry import metrics
from moshi_service.errors import Problem
from moshi_service.protocol.openai.common import offered
from moshi_service.protocol.openai.refusals import HttpRefusal, code_of
from moshi_service.protocol.upgrade import TRIAL_HEADER, Trial
from moshi_service.protocol.wire import CloseCode

log = logging.getLogger(__name__)
_tracer = trace.get_tracer("moshi_backend")

type NewWire = Callable[[BatchedModel, Offer, Mapping[str, str], float], OpenAIWire]
"""Makes the wire of a client from the model, the offer, the query parameters and the time."""


class OpenAIApi:
    """
    Args:
        model: the checkpoint's id.
        log_text: whether the model's text goes into the log.
    """

    def __init__(
        self,
        engine: Engine[LoadedCheckpoint],
        manager: SessionManager,
        auth: Auth,
        model: str,
        *,
        log_text: bool,
    ) -> None:
        self._engine = engine
        self._manager = manager
        self._auth = auth
        self._model = model
        self._log_text = log_text

    def check(self, request: Request) -> None:
        """
        Raises:
            HttpRefusal: the request lacks the token.
        """
        if not self._auth.knows(request):
            raise HttpRefusal("token", errors.token_needed())

    async def converse(self, socket: WebSocket, new_wire: NewWire) -> None:
        """Serve one client until its session ends.

        The upgrade itself is refused, because SDKs show its status. A frontend that may try another moshi gets a
        `Denial` instead of the API's error.
        """
        trial = socket.headers.get(TRIAL_HEADER)
        subprotocol, key = offered(socket.scope.get("subprotocols", ()))
        with _tracer.start_as_current_span("conversation", extract(socket.headers), trace.SpanKind.SERVER) as span:
            try:
                with self._auth.admit(socket, key):
                    loaded = self._ready(may_wait=trial != Trial.SLOT)
                    await socket.accept(subprotocol, load_header(self._manager))
                    offer = Offer(self._model, loaded.catalogue, loaded.model.sampling, self._manager.limits.session)
                    wire = new_wire(loaded.model, offer, socket.query_params, time.monotonic())
                    with suppress(Left, WebSocketDisconnect):  # the client left before its session
                        await self._serve(socket, wire, loaded, Observer(span, log_text=self._log_text))
            except Rejected as rejected:
                self._note(rejected.cause, rejected.problem, is_trial=trial is not None)
                if trial is not None:
                    await deny(socket, rejected, self._manager)
                    return
                refusal = HttpRefusal(rejected.cause, rejected.problem, rejected.retry_after)
                await socket.send_denial_response(refusal.response())

    def _ready(self, *, may_wait: bool) -> LoadedCheckpoint:
        """The model, if a session could begin now, or wait if it may.

        Raises:
            Rejected: none could.
        """
        try:
            self._manager.check(may_wait=may_wait)
        except Refused as refusal:
            raise Rejected(
                refusal.cause, CloseCode.TRY_LATER, refusal.problem, retry_after=refusal.retry_after
            ) from None
        assert self._engine.loaded is not None
        return self._engine.loaded

    async def _serve(self, socket: WebSocket, wire: OpenAIWire, loaded: LoadedCheckpoint, observer: Observer) -> None:
        inbox = Inbox(socket)
        outcome = await choose(socket, inbox, wire)
        cause = "setting"
        if isinstance(outcome, Choice):
            session = Session(outcome.sampling, outcome.persona, loaded.catalogue.prompt(outcome.persona), observer)
            wire.attach(session)
            try:
                self._manager.enter(session)
            except Refused as refusal:
                error = ApiError(
                    code_of(refusal.cause), refusal.problem, close=CloseCode.TRY_LATER, retry_after=refusal.retry_after
                )
                await answer(socket, wire, wire.fault(error))
                assert error.end is not None
                outcome, cause = error.end, refusal.cause
            else:
                try:
                    await Connection(socket, inbox, session, self._manager, wire).run()
                finally:
                    self._manager.leave(session)
        if isinstance(outcome, End):
            self._note(cause, outcome.problem)
            await close(socket, wire.finish(outcome), outcome)

    @staticmethod
    def _note(cause: str, problem: Problem, *, is_trial: bool = False) -> None:
        log.info("refused: %s", problem)
        metrics.REFUSED.add(1, {"reason": cause, "trial": is_trial})
        trace.get_current_span().set_attribute("moshi.refused", cause)
