"""Streamed answers past Serve's proxy: the application behind the real middleware, on one loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message

from serve_app.deployments.proxy_middleware import ProxyErrors
from serve_app.http import relay
from serve_app.http.relay import Relay
from serve_app.http.streaming import Blocks, StreamedBlocks
from serve_app.media.frames import BrokenOff
from tests.waiting import until_on_loop

BLOCK = bytes(64 * 1024)


@dataclass
class Reader:
    """A client that reads while `reads` is set, behind a server that buffers what comes first."""

    reads: asyncio.Event
    gone: asyncio.Event
    headers: dict[bytes, bytes] = field(default_factory=dict)
    size: int = 0
    whole: bool = False

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.headers = dict(message["headers"])
            return
        if self.size:
            await self.reads.wait()
        self.size += len(message["body"])
        self.whole = not message.get("more_body", False)


class Source:
    """Blocks that are counted as they are taken."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count = count
        self.error = error
        self.taken = 0
        self.closed = False

    async def blocks(self) -> Blocks:
        try:
            while self.taken < self.count:
                self.taken += 1
                yield BLOCK
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


def run(source: Source, test: Callable[[Reader, asyncio.Task[None]], Awaitable[None]]) -> None:
    async def answer(_: Request) -> StreamedBlocks:
        return await StreamedBlocks.begin(source.blocks(), "audio/wav")

    async def go() -> None:
        app = Starlette(routes=[Route("/", answer)])
        offers = Relay("127.0.0.1")
        app.state.bernie = SimpleNamespace(relay=offers)
        reader = Reader(asyncio.Event(), asyncio.Event())
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
        task = asyncio.create_task(ProxyErrors(app)(scope, reader.receive, reader.send))
        async with asyncio.timeout(10):
            await test(reader, task)
        offers.close()
        assert source.closed

    asyncio.run(go())


def test_relayed_answer_is_whole_and_hides_how_it_came() -> None:
    source = Source(40)

    async def test(reader: Reader, task: asyncio.Task[None]) -> None:
        reader.reads.set()
        await task
        assert (reader.size, reader.whole) == (40 * len(BLOCK), True)
        assert relay.NAMES.encode() not in reader.headers
        assert reader.headers[b"content-type"] == b"audio/wav"

    run(source, test)


def test_answer_goes_through_serve_where_the_relay_cannot_listen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The address is not one of this machine."""

    async def go() -> None:
        assert not await Relay("198.51.100.1").ready()

    asyncio.run(go())
    assert "streams go through Serve" in caplog.text


def test_reader_that_stops_reading_holds_little_and_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "PATIENCE_SECONDS", 0.5)
    source = Source(1_000)

    async def test(reader: Reader, task: asyncio.Task[None]) -> None:
        with pytest.raises(BrokenOff):
            await task
        assert source.taken * len(BLOCK) < 4 * 1024 * 1024
        assert not reader.whole

    run(source, test)


def test_relayed_answer_breaks_off_with_its_source() -> None:
    source = Source(3, ZeroDivisionError())

    async def test(reader: Reader, task: asyncio.Task[None]) -> None:
        reader.reads.set()
        with pytest.raises((ZeroDivisionError, BrokenOff)):
            await task
        assert (reader.size, reader.whole) == (3 * len(BLOCK), False)

    run(source, test)


def test_relayed_answer_ends_when_the_client_goes() -> None:
    source = Source(1_000)

    async def test(reader: Reader, task: asyncio.Task[None]) -> None:
        await until_on_loop(lambda: source.taken > 3, 5, "blocks are fetched")
        reader.gone.set()
        await until_on_loop(lambda: source.closed, 5, "the source is closed")
        reader.reads.set()
        await asyncio.gather(task, return_exceptions=True)
        assert not reader.whole

    run(source, test)


def test_offer_is_broken_off_when_who_fetches_leaves() -> None:
    """Before the next block is there."""
    source, more = Source(1), asyncio.Event()

    async def blocks() -> Blocks:
        async for block in source.blocks():
            yield block
        await more.wait()

    async def go() -> None:
        offers = Relay("127.0.0.1")
        assert await offers.ready()
        async with asyncio.timeout(10), offers.offering(blocks()) as (name, fetched):
            fetching = relay.fetch(name)
            assert await anext(fetching) == BLOCK
            await fetching.aclose()
            with pytest.raises(BrokenOff):
                await fetched()
        offers.close()

    asyncio.run(go())


def test_blocks_are_given_once_and_to_nobody_without_the_token() -> None:
    async def go() -> None:
        offers, source = Relay("127.0.0.1"), Source(2)
        assert await offers.ready()
        async with offers.offering(source.blocks()) as (name, fetched):
            address = name.split()[0]
            with pytest.raises(BrokenOff):
                await anext(relay.fetch(f"{address} {'0' * 32}"))
            assert [block async for block in relay.fetch(name)] == [BLOCK, BLOCK]
            await fetched()
            with pytest.raises(BrokenOff):
                await anext(relay.fetch(name))
        offers.close()

    asyncio.run(go())


def test_offer_that_is_cancelled_again_while_it_ends_closes_its_blocks() -> None:
    closed = False

    async def blocks() -> Blocks:
        nonlocal closed
        try:
            while True:
                yield BLOCK
        finally:
            await asyncio.sleep(0.1)
            closed = True

    async def go() -> None:
        offers = Relay("127.0.0.1")
        assert await offers.ready()
        named: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def offer() -> None:
            async with offers.offering(blocks()) as (name, fetched):
                named.set_result(name)
                await fetched()

        offering = asyncio.create_task(offer())
        fetching = relay.fetch(await named)
        assert await anext(fetching) == BLOCK
        for _ in range(2):
            offering.cancel()
            await asyncio.sleep(0.02)
        with pytest.raises(asyncio.CancelledError):
            await offering
        assert closed
        await fetching.aclose()
        offers.close()

    asyncio.run(go())
