"""What clients are told where no replica answers them.

Serve's proxy has words of its own for what it cannot pass on: a plain 404 while the application is
not deployed (at the start and while it is stopped), a plain 500 where the replica of the ingress
died in the midst of a request. Both are 503 to a client: come again.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.errors import ServiceError

RETRY_SECONDS = 2
_OF_SERVE = "/-/"
"""Serve's own addresses, for load balancers."""
_UNAVAILABLE = ServiceError(
    503,
    "unavailable",
    "The server is starting, stopping or was interrupted. Try again in a moment; a request with an "
    "Idempotency-Key has its effect once, however often it is sent.",
)


def middlewares() -> list[Middleware]:
    """For `RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH`, which Serve's proxies read."""
    return [Middleware(Front)]


class Front:
    """ASGI middleware of the proxy: its own answers become one error in the common shape."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_OF_SERVE):
            await self.app(scope, receive, send)
            return
        replaced = False

        async def answer(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and not _of_the_application(message):
                replaced = True
                headers = {"Retry-After": str(RETRY_SECONDS)}
                response = JSONResponse(_UNAVAILABLE.body(), _UNAVAILABLE.status, headers)
                await response(scope, receive, send)
            elif not replaced:
                await send(message)

        await self.app(scope, receive, answer)


def _of_the_application(start: Message) -> bool:
    """`api.SecurityHeaders` marks every answer of the application."""
    return "X-Content-Type-Options" in Headers(raw=start["headers"])
