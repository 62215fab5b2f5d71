"""A client of the application that reads an answer while it is being sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Message

from tests.serve_app.api_harness import Api, Headers
from tests.waiting import until_on_loop


class Listener:
    """One request. `body` grows as blocks arrive."""

    def __init__(self, api: Api, headers: Headers, path: str, query: str = "") -> None:
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.whole = False
        self._requests = [{"type": "http.request", "body": b"", "more_body": False}]
        self._gone = asyncio.Event()
        self.task = asyncio.create_task(api.app(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        if self._requests:
            return self._requests.pop()
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]
            self.whole = not message.get("more_body", False)

    def disconnect(self) -> None:
        self._gone.set()

    async def until_body(self, part: bytes) -> None:
        await until_on_loop(lambda: part in self.body, 10, f"{part!r} is received")

    async def end(self, seconds: float = 10) -> None:
        """Waits for the end of the answer; raises what broke it off."""
        async with asyncio.timeout(seconds):
            await self.task


@asynccontextmanager
async def listening(
    api: Api, headers: Headers, path: str, query: str = ""
) -> AsyncIterator[Listener]:
    listener = Listener(api, headers, path, query)
    try:
        yield listener
    finally:
        listener.disconnect()
        await asyncio.gather(listener.task, return_exceptions=True)
