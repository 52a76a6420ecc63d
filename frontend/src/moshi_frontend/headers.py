"""The headers that every response carries: what the page may load, whom it may talk to, what it may use."""

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def content_security_policy(reachable: Sequence[str]) -> str:
    """`reachable`: other origins that the page may connect to, e.g. `wss://moshi.example:8998`."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "worker-src 'self'",
            " ".join(("connect-src 'self'", *reachable)),
            "style-src 'self'",
            "img-src 'self' data:",
            "media-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


class SecurityHeaders:
    """ASGI middleware. A response keeps a Cache-Control of its own; without one it is not stored."""

    def __init__(self, app: ASGIApp, reachable: Sequence[str]) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": content_security_policy(reachable),
            "Permissions-Policy": "microphone=(self), speaker-selection=(self), screen-wake-lock=(self)",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
