"""Middleware of Serve's HTTP servers: one error for requests that no replica answers.

Clients reach a replica of the ingress through Serve's proxy, in Python, or by HAProxy, which
connects them with a server in the replica itself (`haproxy.py`). Both servers have this middleware.

The proxy has its own answers where it cannot pass a request on: a plain 404 while the application
is not deployed (at start and stop), and a plain 500, or no answer at all, where the ingress replica
died during the request. Clients get a 503 with Retry-After in all these cases.

The proxy also obeys control headers of a request, and fails on headers that are not text. The
middleware removes both.

A streamed answer would pass through the Python proxy as fast as it is made, and lie there until the
client has read it. There the middleware fetches its blocks itself, as fast as the client reads: see
`serve_app.http.relay`. In the replica the answer goes to the client directly, and waits for it.
What it passes on over a WebSocket it acknowledges: see `serve_app.http.socket_window`.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from ray import serve
from ray.serve.exceptions import RayServeException
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.deployments.unavailable import HEADERS, UNAVAILABLE
from serve_app.endings import end
from serve_app.errors import ApiError
from serve_app.http.relay import ASKS, NAMES, PATIENCE_SECONDS, fetch
from serve_app.http.socket_window import ACKNOWLEDGES, Acknowledging, size

_SERVE_PREFIX = "/-/"
"""Serve's own paths, for load balancers."""
_BUSY = ApiError(
    503, "busy", "As many requests wait as the server has room for. Try again in a moment."
)
_MAX_MESSAGE = 1024 * 1024
"""Characters or bytes of one over a WebSocket; uvicorn takes 16 MiB, and Serve cannot tell it."""
_REPLACED = frozenset({404, 500, 503})
"""Statuses of the proxy's own answers that are replaced. Others, like the 408 of its
`request_timeout_s`, pass as configured."""
_CONTROL_HEADERS = frozenset(
    {
        b"x-request-timeout-seconds",
        b"x-request-disconnect-disabled",
        ASKS.encode(),
        ACKNOWLEDGES.encode(),
    }
)
_DECODED = frozenset({b"x-request-id", b"x-session-id", b"serve-multiplexed-model-id"})


def middlewares() -> list[Middleware]:
    """For `RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH`, which Serve's HTTP servers read."""
    return [Middleware(ProxyErrors, fetches=not _in_replica())]


def _in_replica() -> bool:
    try:
        serve.get_replica_context()
    except RayServeException:
        return False
    return True


class ProxyErrors:
    """ASGI middleware: Serve's own answers become one error in the common shape. Answers of any
    application of the cluster pass."""

    def __init__(self, app: ASGIApp, fetches: bool = True) -> None:
        """`fetches`: whether it fetches the blocks of streams itself."""
        self.app = app
        self._told = [ASKS] if fetches else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await _pass_messages(self.app, scope, receive, send)
            return
        if scope["type"] != "http" or scope["path"].startswith(_SERVE_PREFIX):
            await self.app(scope, receive, send)
            return
        begun = replaced = False
        passing: asyncio.Task[None] | None = None
        first_sent = asyncio.Event()

        async def refuse(error: ApiError = UNAVAILABLE) -> None:
            await JSONResponse(error.body(), error.status, HEADERS)(scope, receive, send)

        async def answer(message: Message) -> None:
            nonlocal begun, replaced, passing
            if passing is not None:
                if message.get("more_body", False):
                    await send(message)  # the first block
                    first_sent.set()
                else:
                    first_sent.set()
                    await passing
                    await send(message)
                return
            if message["type"] == "http.response.start":
                begun = True
                if (name := _fetch_name(message)) is not None:
                    await send(message)
                    passing = asyncio.create_task(_pass_on(name, first_sent, send))
                    return
                replaced = _is_from_serve(message)
                if replaced:
                    await refuse(_BUSY if _is_backpressure(message) else UNAVAILABLE)
            if not replaced:
                await _within_patience(send, message)

        try:
            await self.app(_for_replica(scope, self._told), receive, answer)
        finally:
            if passing is not None:
                await end([passing])
        if not begun:
            await refuse()


async def _within_patience(send: Send, message: Message) -> None:
    """Raises TimeoutError where the client takes nothing for too long."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        await send(message)


async def _pass_messages(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Acknowledges what the client of a WebSocket has taken, and ends it with 1009 where a message
    of the client is too large to be passed on."""
    closed = False

    async def bounded() -> Message:
        nonlocal closed
        message = await receive()
        if size(message) <= _MAX_MESSAGE:
            return message
        closed = True
        await send({"type": "websocket.close", "code": 1009})
        return {"type": "websocket.disconnect", "code": 1009}

    async def send_while_open(message: Message) -> None:
        if not closed:
            await send(message)

    acknowledging = Acknowledging(bounded, send_while_open)
    passed_on = _for_replica(scope, [ACKNOWLEDGES])
    try:
        await app(passed_on, acknowledging.receive, acknowledging.send)
    finally:
        acknowledging.close()


def _fetch_name(start: Message) -> str | None:
    """Takes the name of its blocks out of the head of an answer."""
    headers = MutableHeaders(raw=start["headers"])
    name = headers.get(NAMES)
    del headers[NAMES]
    start["headers"] = headers.raw
    return name


async def _pass_on(name: str, first_sent: asyncio.Event, send: Send) -> None:
    """Sends the blocks of an answer behind its first; the replica says when it is over. Raises
    BrokenOff where they end before their end."""
    async with aclosing(fetch(name)) as blocks:
        async for block in blocks:
            await first_sent.wait()
            await send({"type": "http.response.body", "body": block, "more_body": True})


def _is_from_serve(start: Message) -> bool:
    """`http.middleware.SecurityHeaders` marks every answer of the application, plain text too."""
    headers = Headers(raw=start["headers"])
    plain = headers.get("Content-Type", "").startswith("text/plain")
    return start["status"] in _REPLACED and plain and "X-Content-Type-Options" not in headers


def _is_backpressure(start: Message) -> bool:
    """Serve says when to come again only where `max_queued_requests` wait already: see
    `BackpressureConfig` in `app.py`."""
    return start["status"] == 503 and "Retry-After" in Headers(raw=start["headers"])


def _for_replica(scope: Scope, told: list[str]) -> Scope:
    """With headers that tell the application what this server does."""
    passed_on = [(name, value) for name, value in scope["headers"] if _may_pass(name, value)]
    return {**scope, "headers": [*passed_on, *((name.encode(), b"1") for name in told)]}


def _may_pass(name: bytes, value: bytes) -> bool:
    # Serve takes hyphens and underscores alike.
    name = name.replace(b"_", b"-")
    return name not in _CONTROL_HEADERS and (name not in _DECODED or value.isascii())
