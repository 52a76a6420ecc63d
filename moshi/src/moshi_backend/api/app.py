"""The HTTP interface: liveness, health, information, and the conversations."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI, HTTPException, Request, Response, WebSocket

import moshi_backend
from moshi_backend.api import chat as conversations
from moshi_backend.api.auth import Auth
from moshi_backend.api.openai import OpenAIApi
from moshi_backend.checkpoint.folders import public_name
from moshi_backend.conversation import limits as limits_of
from moshi_backend.conversation.manager import SessionManager
from moshi_backend.conversation.openai.live import LiveWire
from moshi_backend.conversation.openai.realtime import RealtimeWire
from moshi_backend.conversation.outbox import OUTBOX_ITEMS
from moshi_backend.conversation.preferences import RANGES, described
from moshi_backend.engine.engine import Engine
from moshi_backend.engine.request import BACKLOG_FRAMES
from moshi_backend.engine.scheduler import PERIOD
from moshi_backend.errors import conversations as errors
from moshi_backend.loading import LoadedCheckpoint, load
from moshi_backend.model import upstream
from moshi_backend.model.device import used_memory
from moshi_backend.model.sampling import SamplingParams
from moshi_backend.personas.catalogue import Catalogue
from moshi_backend.personas.presets import CHARACTERS
from moshi_backend.settings import Settings
from moshi_backend.telemetry import metrics
from moshi_backend.telemetry.engine import EngineTelemetry
from moshi_service.framing import UnambiguousFraming
from moshi_service.headers import SecurityHeaders
from moshi_service.health import Alive, Health
from moshi_service.hosts import HostCheck, own_hosts
from moshi_service.limiter import ConnectionLimiter
from moshi_service.protocol.info import (
    Info,
    Limits,
    Model,
    Personas,
    PresetChoice,
    Setting,
    Slots,
    Upstream,
    VoiceChoice,
)
from moshi_service.protocol.openai.common import LIVE_PATH, MODELS_PATH, REALTIME_PATH, HttpErrorBody, ModelList
from moshi_service.protocol.openai.refusals import HttpRefusal, answer
from moshi_service.protocol.wire import MESSAGE_BYTES
from moshi_service.telemetry import loop

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Headers of every response. Programs read them; a browser renders none."""

OPUS_THREADS = max(2, (os.cpu_count() or 1) // 2)
"""Threads that encode and decode the audio of all conversations."""


def create_engine(settings: Settings) -> Engine[LoadedCheckpoint]:
    """The engine of the service, not started yet."""
    return Engine(partial(load, settings), EngineTelemetry())


def create_manager(settings: Settings, engine: Engine[LoadedCheckpoint]) -> SessionManager:
    """The session manager of the service, in front of its engine."""
    limits = limits_of.Limits(settings.session_seconds, settings.idle_seconds)
    return SessionManager(engine, settings.queue, limits, settings.drain_seconds)


def create_app(settings: Settings, engine: Engine[LoadedCheckpoint], manager: SessionManager) -> FastAPI:
    """The service's HTTP interface. It starts the engine, and stops it."""
    started = time.monotonic()
    model_name = public_name(settings.model)
    token = settings.api_token.get_secret_value() if settings.api_token else None
    limiter = ConnectionLimiter(settings.connections_per_address, settings.connects_per_minute)
    chain = settings.tls_cert if settings.tls == "files" else None
    hosts = own_hosts(settings.allowed_hosts, settings.tls_hosts, settings.allowed_origins, chain)
    auth = Auth(hosts, settings.allowed_origins, token, limiter)
    pool = ThreadPoolExecutor(OPUS_THREADS, thread_name_prefix="opus")

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        background = [asyncio.create_task(work) for work in (engine.supervise(), loop.watch(metrics.LOOP_LAG))]
        yield
        for task in background:
            task.cancel()
        await engine.stop()
        pool.shutdown(cancel_futures=True)

    metrics.observe(
        {
            metrics.ACTIVE: lambda: manager.used,
            metrics.QUEUED: lambda: manager.waiting,
            metrics.SLOTS: lambda: engine.slots,
            metrics.PROGRESS: lambda: engine.health.progress,
            metrics.GPU_MEMORY: lambda: used_memory(engine.loaded.model.device) if engine.loaded else None,
        }
    )
    app = FastAPI(
        title="Scenario 6: moshi",
        version=moshi_backend.__version__,
        lifespan=lifespan,
        docs_url=None,  # its pages load files from other hosts
        redoc_url=None,
        telemetry={"tracing": False},  # a conversation has a span of its own, and health is asked every second
    )
    app.add_middleware(HostCheck, hosts=hosts, setting="MOSHI_ALLOWED_HOSTS")
    app.add_middleware(UnambiguousFraming)
    app.add_middleware(SecurityHeaders, headers=HEADERS)

    @app.get("/alive")
    async def alive() -> Alive:
        return Alive()

    @app.get("/health", responses={503: {"model": Health}})
    async def health(response: Response) -> Health:
        if manager.health.status != "ready":
            response.status_code = 503
        return manager.health

    @app.get("/api/info", responses={401: {}})
    async def info(request: Request) -> Info:
        if not auth.knows(request):
            raise HTTPException(401, errors.token_needed().text)
        loaded = engine.loaded
        revision = loaded.revision if loaded and loaded.revision else settings.revision
        return Info(
            version=moshi_backend.__version__,
            health=manager.health,
            upstream=Upstream(version=upstream.version(), commit=upstream.commit()),
            model=Model(
                id=model_name,
                revision=revision,
                demo=settings.model == "demo",
            ),
            device=str(loaded.model.device) if loaded else None,
            dtype=loaded.dtype if loaded else None,
            sample_rate=loaded.model.sample_rate if loaded else None,
            frame_size=loaded.model.frame_size if loaded else None,
            context_seconds=round(loaded.model.context * PERIOD, 1) if loaded else None,
            slot_bytes=loaded.model.slot_bytes if loaded else None,
            kernels=loaded.kernels if loaded else None,
            slots=Slots(total=engine.slots, used=manager.used),
            queue=manager.waiting,
            limits=Limits(
                queue=manager.queue,
                session_seconds=settings.session_seconds,
                idle_seconds=settings.idle_seconds,
                drain_seconds=settings.drain_seconds,
                message_bytes=MESSAGE_BYTES,
                input_backlog_frames=BACKLOG_FRAMES,
                output_backlog_frames=OUTBOX_ITEMS,
            ),
            uptime_seconds=round(time.monotonic() - started, 1),
            settings=_settings(loaded.model.sampling) if loaded else {},
            personas=_personas(loaded.catalogue) if loaded else None,
        )

    @app.websocket("/api/chat")
    async def chat(socket: WebSocket) -> None:
        await conversations.chat(socket, engine, manager, pool, auth, settings.log_text)

    openai = OpenAIApi(engine, manager, auth, model_name, log_text=settings.log_text)

    @app.get(MODELS_PATH, responses={401: {"model": HttpErrorBody}})
    async def models(request: Request) -> ModelList:
        openai.check(request)
        return ModelList.of(model_name)

    @app.websocket(LIVE_PATH)
    async def live(socket: WebSocket) -> None:
        await openai.converse(socket, LiveWire)

    @app.websocket(REALTIME_PATH)
    async def realtime(socket: WebSocket) -> None:
        await openai.converse(socket, RealtimeWire)

    app.add_exception_handler(HttpRefusal, answer)
    return app


def _personas(catalogue: Catalogue) -> Personas | None:
    if not catalogue.voices and catalogue.texts == "off":
        return None
    return Personas(
        voices=[VoiceChoice(id=voice.id, seconds=catalogue.seconds(voice)) for voice in catalogue.voices.values()],
        default_voice=catalogue.default,
        text_prompt=catalogue.texts,
        presets=[
            PresetChoice(id=preset.id, name=preset.name, text=preset.text, tokens=len(catalogue.tokens(preset.text)))
            for preset in catalogue.presets
        ],
        max_characters=CHARACTERS,
        max_tokens=catalogue.most_tokens,
    )


def _settings(recommended: SamplingParams) -> dict[str, Setting]:
    defaults = {name: value for name, value in described(recommended).items() if not name.endswith("seed")}
    return {
        name: Setting(
            type="integer" if range_.type is int else "number",
            minimum=range_.least,
            maximum=range_.most,
            default=defaults.get(name),
        )
        for name, range_ in RANGES.items()
    }
