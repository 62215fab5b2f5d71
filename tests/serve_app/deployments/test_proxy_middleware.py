"""Answers that Serve's proxy passes on, and its own. `tests/system` tests the real proxy."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from ray.serve._private.http_util import convert_object_to_asgi_messages, retry_after_headers
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.deployments.proxy_middleware import ProxyErrors


class ServeProxy:
    """Answers as the proxy does where it cannot pass a request on; without a status, not at all."""

    def __init__(self, status: int | None, retry_after: float | None = None) -> None:
        self.status = status
        self.headers = retry_after_headers(retry_after)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.status is not None:
            words = "Words of Serve."
            for message in convert_object_to_asgi_messages(words, self.status, self.headers):
                await send(message)


Sent = list[tuple[bytes, bytes]]


def ask(app: ASGIApp, path: str = "/", headers: Sent | None = None) -> httpx.Response:
    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(ProxyErrors(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://bernie") as http:
            return await http.get(path, headers=headers)

    return asyncio.run(get())


@pytest.mark.parametrize("status", [404, 500, 503, None])
def test_proxy_middleware_answers_503_where_no_replica_answers(status: int | None) -> None:
    answer = ask(ServeProxy(status))
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_proxy_middleware_answers_busy_where_too_many_requests_wait() -> None:
    answer = ask(ServeProxy(503, retry_after=2))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0


def test_proxy_middleware_passes_timeouts_of_serve() -> None:
    answer = ask(ServeProxy(408))
    assert (answer.status_code, answer.text) == (408, "Words of Serve.")


def test_proxy_middleware_passes_health_checks() -> None:
    answer = ask(ServeProxy(503), "/-/healthz")
    assert answer.text == "Words of Serve."


def test_proxy_middleware_passes_other_applications() -> None:
    async def plain(_: Request) -> PlainTextResponse:
        return PlainTextResponse("Good day.")

    async def refused(_: Request) -> JSONResponse:
        return JSONResponse({"detail": "Not here."}, 404)

    other = Starlette(routes=[Route("/plain", plain), Route("/refused", refused)])
    assert ask(other, "/plain").text == "Good day."
    answer = ask(other, "/refused")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not here."})


def test_proxy_middleware_strips_control_headers() -> None:
    async def names(request: Request) -> JSONResponse:
        return JSONResponse(request.headers.keys())

    sent = [
        (b"X-Request-Timeout-Seconds", b"0.001"),
        (b"X-Request-Disconnect-Disabled", b"?1"),
        (b"X-Request-ID", b"\xff"),
        (b"X-Session-ID", b"\xff"),
        (b"serve_multiplexed_model_id", b"\xff"),
        (b"Idempotency-Key", b"a key"),
        (b"Authorization", b"Bearer \xff"),
    ]
    app = Starlette(routes=[Route("/", names)])
    passed_on = set(ask(app, headers=sent).json())
    assert passed_on >= {"idempotency-key", "authorization"}
    assert not passed_on & {name.decode().lower() for name, _ in sent[:5]}
    assert "x-request-id" in ask(app, headers=[(b"X-Request-ID", b"mine")]).json()


def test_proxy_middleware_ends_a_connection_whose_message_is_too_large() -> None:
    passed: list[Message] = []
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            passed.append(message)
        await send({"type": "websocket.send", "text": "too late"})

    async def talk() -> None:
        texts = iter(["small", "x" * 2_000_000, "never read"])

        async def receive() -> Message:
            return {"type": "websocket.receive", "text": next(texts)}

        async def send(message: Message) -> None:
            sent.append(message)

        await ProxyErrors(app)({"type": "websocket", "path": "/", "headers": []}, receive, send)

    asyncio.run(talk())
    assert [message["text"] for message in passed] == ["small"]
    assert sent == [{"type": "websocket.close", "code": 1009}]
