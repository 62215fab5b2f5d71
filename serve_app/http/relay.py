"""Answers that go past Serve: its proxy would take in whatever is produced, as fast as that is, and
keep it until the client has read it.

The proxy (`deployments.proxy_middleware`) says in the head of a request that it can fetch blocks
itself. A streamed answer then consists of its head, which names this process and a token, and its
first bytes. The proxy fetches what follows over TCP and passes it on. So a client that reads slowly
slows down what is made for it, through all processes, and little of it lies anywhere.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any

from serve_app.endings import end
from serve_app.media import frames
from serve_app.media.frames import Blocks, BrokenOff

logger = logging.getLogger("bernie.relay")

ASKS = "x-bernie-fetches-rest"
"""Header of a request whose proxy fetches what follows the first bytes. Proxies outlive a
deployment: where the two would not understand each other, the names change too."""
NAMES = "x-bernie-rest"
"""Header of an answer: `host:port token` of the blocks behind its first bytes. No client sees
it."""
PATIENCE_SECONDS = 60.0
"""A client that takes nothing for so long is given up."""
_FETCH_SECONDS = 10.0


class _Offer:
    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self.begun = asyncio.Event()
        self.sending: asyncio.Task[None] | None = None


class Relay:
    """The blocks that this process offers. For use on one event loop."""

    def __init__(self, host: str) -> None:
        """`host` is the address of this process under which proxies reach it."""
        self._host = host
        self._offers: dict[str, _Offer] = {}
        self._started: asyncio.Task[tuple[asyncio.Server, str]] | None = None

    async def ready(self) -> bool:
        """Whether blocks can be fetched here. Begins to listen if need be."""
        if self._started is None:
            self._started = asyncio.create_task(frames.serve(self._answer, self._host))
        try:
            await asyncio.shield(self._started)
        except OSError as error:
            logger.warning("streams go through Serve (%s)", error)
            return False
        return True

    def close(self) -> None:
        """Takes no more readers."""
        if self._started is not None and self._started.done() and not self._started.cancelled():
            self._started.result()[0].close()

    @asynccontextmanager
    async def offering(
        self, blocks: Blocks
    ) -> AsyncGenerator[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        """The value of `NAMES` for these blocks, once it is `ready`, and what waits until all were
        fetched: it raises what they raise, and BrokenOff where nobody fetches them to their end.
        The blocks are closed with the context."""
        token, offer = secrets.token_hex(16), _Offer(blocks)
        async with aclosing(blocks):
            if self._started is None:
                raise RuntimeError("the relay is not ready")
            name = f"{self._started.result()[1]} {token}"
            self._offers[token] = offer
            try:
                yield name, partial(_fetched, offer)
            finally:
                self._offers.pop(token, None)
                if offer.sending is not None:
                    await end([offer.sending])

    async def _answer(self, request: list[str], writer: asyncio.StreamWriter) -> None:
        (token,) = request
        offer = self._offers.pop(token, None)
        if offer is None:
            raise BrokenOff
        sending = frames.send(offer.blocks, writer, PATIENCE_SECONDS)
        offer.sending = asyncio.create_task(sending)
        offer.begun.set()
        try:
            await asyncio.wait([offer.sending])
        finally:
            offer.sending.cancel()


async def _fetched(offer: _Offer) -> None:
    try:
        async with asyncio.timeout(_FETCH_SECONDS):
            await offer.begun.wait()
    except TimeoutError as error:
        raise BrokenOff from error
    assert offer.sending is not None  # noqa: S101 - it comes with `begun`
    await asyncio.wait([offer.sending])
    if offer.sending.cancelled():
        raise BrokenOff  # who fetched has left
    try:
        offer.sending.result()
    except (OSError, TimeoutError) as error:
        raise BrokenOff from error


async def fetch(name: str) -> Blocks:
    """The blocks behind the first bytes that a value of `NAMES` stands for. Raises BrokenOff."""
    address, token = name.split()
    async with aclosing(frames.read(address, token)) as blocks:
        async for block in blocks:
            yield block
