"""Responses that are sent while they are produced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from starlette.datastructures import Headers
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from serve_app.db.notices import Watch
from serve_app.endings import end
from serve_app.errors import ApiError
from serve_app.http.relay import ASKS, NAMES, Relay
from serve_app.media.frames import FRAME_BYTES

Blocks = AsyncGenerator[bytes, None]
Gone = Callable[[], Awaitable[bool]]
"""Whether nobody waits for the answer any more."""

GONE_SECONDS = 0.2
"""How often that is looked at."""


class StreamedBlocks(StreamingResponse):
    """A response of the blocks of a generator, which is closed however the response ends."""

    def __init__(
        self, first: bytes, others: Blocks, media_type: str, headers: dict[str, str] | None = None
    ) -> None:
        self._first, self._others = first, others
        super().__init__(_joined(first, others), media_type=media_type, headers=headers)

    @classmethod
    async def begin(cls, blocks: Blocks, media_type: str) -> StreamedBlocks:
        """Waits for the first block, so that what is raised before it becomes an error response."""
        first = await anext(blocks, b"")
        return cls(first, blocks, media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._others):
            relay: Relay | None = scope["app"].state.bernie.relay
            if relay is not None and ASKS in Headers(scope=scope) and await relay.ready():
                await self._offer(relay, receive, send)
            else:
                await super().__call__(scope, receive, send)

    async def _offer(self, relay: Relay, receive: Receive, send: Send) -> None:
        """Sends the head and the first bytes; the proxy fetches what follows. Ends early where the
        client goes."""
        first, rest = self._first[:FRAME_BYTES], self._first[FRAME_BYTES:]
        async with relay.offering(_joined(rest, self._others)) as (name, fetched):
            headers = [*self.raw_headers, (NAMES.encode(), name.encode())]
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": headers}
            )
            # Whoever waits for a sound hears it before the proxy has asked for more.
            await send({"type": "http.response.body", "body": first, "more_body": True})
            tasks = [asyncio.ensure_future(fetched()), asyncio.create_task(_left(receive))]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if tasks[0].done():
                    tasks[0].result()
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                await end(tasks)


async def _left(receive: Receive) -> None:
    """Returns when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        continue


async def _joined(first: bytes, others: Blocks) -> Blocks:
    yield first
    async for block in others:
        yield block


def too_many_streams() -> ApiError:
    message = "Too many requests wait already, of this account or of all. Try again in a moment."
    return ApiError(429, "too_many_streams", message, retry_after=5)


async def until_news(news: Watch, gone: Gone, seconds: float) -> None:
    """Until something has happened to the clip, nobody listens any more, or the time is over."""
    time = asyncio.get_running_loop().time
    deadline = time() + seconds
    while not await news.wait(min(GONE_SECONDS, deadline - time())):
        if time() >= deadline or await gone():
            return
