"""Plain HTTP on the port for HTTPS, as from a person who typed the address without `https://`."""

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from moshi_service.authority import FILE_NAME

AUTHORITY_PATH = f"/{FILE_NAME}"


class ToHttps:
    """ASGI app: leads every request to the same address over HTTPS.

    The authority is an exception: a device can fetch it before it trusts anything. Its fingerprint shows whether it is
    the right one, over HTTP as over HTTPS with a warning.

    Args:
        app: has the authority.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["path"] == AUTHORITY_PATH:
            await self._app(scope, receive, send)
        else:
            await _redirect(scope)(scope, receive, send)


def _redirect(scope: Scope) -> ASGIApp:
    host = Headers(scope=scope).get("host")
    if not host:
        return PlainTextResponse("This port speaks HTTPS.\n", 400)
    query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
    # Not a permanent one, which browsers would remember after the service is started without TLS.
    return RedirectResponse(f"https://{host}{scope['raw_path'].decode('latin-1')}{query}", 307)
