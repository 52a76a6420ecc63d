"""A request whose end two programs could see in different places is refused: request smuggling lives on those."""

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

AMBIGUOUS = "The request says in two ways where it ends: Content-Length and Transfer-Encoding exclude each other.\n"
TOO_OLD = "Transfer-Encoding needs HTTP/1.1.\n"


class UnambiguousFraming:
    """ASGI middleware. Answers such a request with 400 and closes the connection, as RFC 9112, section 6.1, asks.

    The server's parser takes Transfer-Encoding and ignores Content-Length; a proxy in front may do the opposite.
    Everything else about the length of a body (two lengths, an unknown encoding) the parser refuses itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with 400."""
        app = self._app
        if scope["type"] == "http" and "transfer-encoding" in (headers := Headers(scope=scope)):
            if "content-length" in headers:
                app = _refusal(AMBIGUOUS)
            elif scope["http_version"] == "1.0":
                app = _refusal(TOO_OLD)
        await app(scope, receive, send)


def _refusal(why: str) -> ASGIApp:
    return PlainTextResponse(why, 400, {"Connection": "close"})
