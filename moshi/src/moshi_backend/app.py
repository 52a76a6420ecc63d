"""The HTTP surface: is it alive, is it ready, what is it, and the conversations."""

import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Literal

from fastapi import FastAPI, Response, WebSocket
from pydantic import BaseModel

import moshi_backend
from moshi_backend import protocol, session, upstream
from moshi_backend.chat import converse
from moshi_backend.engine import Engine
from moshi_backend.settings import Settings

OPUS_THREADS = 2


class Alive(BaseModel):
    status: Literal["alive"] = "alive"


class HealthReport(BaseModel):
    """Whether conversations can begin, and what start-up is doing. `progress` is 0..1 where it is known."""

    status: Literal["starting", "ready", "draining", "failed"]
    phase: str
    progress: float | None
    detail: str


class Upstream(BaseModel):
    version: str
    commit: str


class Model(BaseModel):
    """`demo`: random weights, which say nothing meaningful."""

    id: str
    revision: str | None
    demo: bool


class Slots(BaseModel):
    total: int
    used: int


class Limits(BaseModel):
    message_bytes: int = protocol.MESSAGE_BYTES
    input_backlog_frames: int = session.BACKLOG_FRAMES
    output_backlog_frames: int = session.OUTBOX_FRAMES


class Info(BaseModel):
    """`device`, `dtype`, `sample_rate` (Hz) and `frame_size` (samples) are known once the model is loaded.

    `settings`: what a client may choose for its conversation, by query parameter.
    """

    service: Literal["scenario6-moshi"] = "scenario6-moshi"
    version: str = moshi_backend.__version__
    upstream: Upstream
    model: Model
    device: str | None
    dtype: str | None
    sample_rate: int | None
    frame_size: int | None
    slots: Slots
    queue: int = 0
    limits: Limits = Limits()
    uptime_seconds: float
    settings: dict[str, object] = {}


def create_app(settings: Settings, engine: Engine) -> FastAPI:
    started = time.monotonic()
    pool = ThreadPoolExecutor(OPUS_THREADS, thread_name_prefix="opus")

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        yield
        await engine.stop()
        pool.shutdown(cancel_futures=True)

    app = FastAPI(title="Scenario 6: moshi", version=moshi_backend.__version__, lifespan=lifespan)

    @app.get("/alive")
    async def alive() -> Alive:
        return Alive()

    @app.get("/health", responses={503: {"model": HealthReport}})
    async def health(response: Response) -> HealthReport:
        if engine.health.status != "ready":
            response.status_code = 503
        return HealthReport(**vars(engine.health))

    @app.get("/api/info")
    async def info() -> Info:
        loaded = engine.loaded
        return Info(
            upstream=Upstream(version=upstream.version(), commit=upstream.commit()),
            model=Model(id=settings.model, revision=settings.revision, demo=settings.model == "demo"),
            device=loaded.device if loaded else None,
            dtype=loaded.dtype if loaded else None,
            sample_rate=loaded.model.sample_rate if loaded else None,
            frame_size=loaded.model.frame_size if loaded else None,
            slots=Slots(total=engine.slots, used=engine.used),
            uptime_seconds=round(time.monotonic() - started, 1),
        )

    @app.websocket("/api/chat")
    async def chat(socket: WebSocket) -> None:
        await converse(socket, engine, pool, settings.allowed_origins)

    return app
