"""The HTTP surface: is it alive, is it ready, where is moshi, and the conversations."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from fastapi import FastAPI, HTTPException, Request, Response, WebSocket
from fastapi.responses import PlainTextResponse
from opentelemetry.metrics import Observation
from pydantic import BaseModel

import moshi_frontend
from moshi_frontend.devices import is_this_machine, origins
from moshi_frontend.doors import ApiDoor, ChatDoor, check_key
from moshi_frontend.errors import openai as errors
from moshi_frontend.proxy import Proxy
from moshi_frontend.replica import MoshiInfo
from moshi_frontend.replicas import Replicas
from moshi_frontend.secure import secure_origin
from moshi_frontend.settings import Settings
from moshi_frontend.telemetry import metrics
from moshi_frontend.to_https import AUTHORITY_PATH
from moshi_service.authority import MEDIA_TYPE, as_der, fingerprint
from moshi_service.health import Alive, Health, ObservedHealth
from moshi_service.listening import authority_of
from moshi_service.protocol.openai.common import LIVE_PATH, MODELS_PATH, REALTIME_PATH, HttpErrorBody, ModelList
from moshi_service.protocol.openai.refusals import HttpRefusal, answer
from moshi_service.telemetry import loop


class MoshiReport(BaseModel):
    """moshi as this service last saw it, seconds ago at most. `info` is null while it is unreachable."""

    url: str
    health: ObservedHealth
    info: MoshiInfo | None


class Devices(BaseModel):
    """How other devices, e.g. a phone, reach this page.

    `origins` are addresses over HTTPS, e.g. `https://192.168.0.10:8080`, the best first. Only a browser on the
    service's own machine learns them. `authority` is the SHA-256 fingerprint of the file `scenario6-authority.crt`
    beside the page, which makes a device trust FRONTEND_TLS=auto; null where there is no such file.
    """

    origins: list[str]
    authority: str | None


class Config(BaseModel):
    """The page reads this first. `chat_url` is relative to the page in proxy mode and absolute in direct mode.

    `secure_origin` is where this page is served over HTTPS, e.g. `https://talk.example`: by FRONTEND_TLS, by a trusted
    proxy's `X-Forwarded-Proto`, or by an HTTPS origin of FRONTEND_ALLOWED_ORIGINS with the same host name. It is null
    where the service knows of none.
    """

    service: Literal["scenario6-frontend"] = "scenario6-frontend"
    version: str
    mode: Literal["proxy", "direct"]
    chat_url: str
    secure_origin: str | None
    devices: Devices
    moshi: MoshiReport


def create_api(
    settings: Settings, replicas: Replicas, proxy: Proxy, background: Sequence[Callable[[], Awaitable[None]]]
) -> FastAPI:
    """The routes of this service.

    Args:
        background: runs while the service does.
    """
    metrics.INSTRUMENTS.observe(
        {metrics.ACTIVE: lambda: [Observation(proxy.active)], metrics.MOSHI_REPLICAS: replicas.observed}
    )

    @asynccontextmanager
    async def lifespan(_api: FastAPI) -> AsyncIterator[None]:
        works = [work() for work in background]
        tasks = [asyncio.ensure_future(work) for work in (*works, loop.watch(metrics.LOOP_LAG))]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    api = FastAPI(
        title="Scenario 6: frontend",
        version=moshi_frontend.__version__,
        lifespan=lifespan,
        telemetry={"tracing": False},  # a conversation has a span of its own, and health is asked every second
        openapi_url=None,  # docs/reference/openapi-frontend.json
    )

    keys = settings.all_api_keys()
    chat_door, live_door, realtime_door = ChatDoor(), ApiDoor(LIVE_PATH, keys), ApiDoor(REALTIME_PATH, keys)

    @api.get("/alive")
    async def alive() -> Alive:
        return Alive()

    @api.get("/health", responses={503: {"model": Health}})
    async def health(response: Response) -> Health:
        if proxy.is_draining:
            response.status_code = 503
            return Health(
                "draining", "draining", None, f"the frontend is shutting down; {proxy.active} conversations left"
            )
        seen = replicas.shown().health
        if seen.status != "ready":
            response.status_code = 503
        status = "starting" if seen.status == "unreachable" else seen.status
        return Health(status, seen.phase, seen.progress, seen.detail, seen.error)

    @api.get("/api/config")
    async def config(request: Request) -> Config:
        shown = replicas.shown()
        return Config(
            version=moshi_frontend.__version__,
            mode=settings.moshi_mode,
            chat_url="api/chat" if settings.moshi_mode == "proxy" else shown.endpoint.chat_url,
            secure_origin=secure_origin(
                request.scope["scheme"], request.headers.get("host", ""), settings.allowed_origins
            ),
            devices=_devices(request, settings),
            moshi=MoshiReport(url=shown.endpoint.url, health=shown.health, info=shown.info),
        )

    @api.get(
        AUTHORITY_PATH,
        response_class=Response,
        responses={
            200: {"content": {MEDIA_TYPE: {}}},
            404: {"description": "There is no certificate of FRONTEND_TLS=auto"},
        },
    )
    async def authority() -> Response:
        if (found := authority_of(settings)) is None:
            raise HTTPException(404)
        return Response(as_der(found), media_type=MEDIA_TYPE)

    @api.websocket("/api/chat")
    async def chat(socket: WebSocket) -> None:
        await proxy.serve(socket, chat_door)

    @api.websocket(LIVE_PATH)
    async def live(socket: WebSocket) -> None:
        await proxy.serve(socket, live_door)

    @api.websocket(REALTIME_PATH)
    async def realtime(socket: WebSocket) -> None:
        await proxy.serve(socket, realtime_door)

    @api.get(MODELS_PATH, responses={status: {"model": HttpErrorBody} for status in (401, 404, 503)})
    async def models(request: Request) -> ModelList:
        check_key(request, keys)
        seen = replicas.shown()
        if seen.info is None:
            raise HttpRefusal("unreachable", errors.models_unknown(seen.problem))
        return ModelList.of(seen.info.model.id)

    api.add_exception_handler(HttpRefusal, answer)

    @api.get("/", include_in_schema=False)
    async def page_is_missing() -> PlainTextResponse:
        return PlainTextResponse("The web page has not been built. Run: make web\n", 503)

    return api


def _devices(request: Request, settings: Settings) -> Devices:
    here = is_this_machine(request.client.host if request.client else None)
    port = request.scope["server"][1]
    found = authority_of(settings)
    return Devices(origins=origins(settings, port) if here and port else [], authority=found and fingerprint(found))
