"""Streams of clips under way, over real sockets on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from serve_app.media import live_audio
from serve_app.media.frames import Blocks, BrokenOff
from serve_app.media.live_audio import LiveServer, hear

CLIP, LEASE = "c" * 32, "l" * 32


@asynccontextmanager
async def serving() -> AsyncIterator[LiveServer]:
    server = LiveServer("127.0.0.1")
    await server.start()
    async with asyncio.timeout(10):
        yield server
    server.close()


def run(test: Callable[[LiveServer], Awaitable[None]]) -> None:
    async def go() -> None:
        async with serving() as server:
            await test(server)

    asyncio.run(go())


async def heard(server: LiveServer, lease: str = LEASE, position: int = 0) -> bytes:
    """All of it."""
    body = b""
    async for block in hear(server.address or "", CLIP, lease, position):
        body += block
    return body


def test_hear_gives_what_was_sent_before_and_what_comes() -> None:
    async def test(server: LiveServer) -> None:
        with server.broadcasting(CLIP, LEASE) as audio:
            audio.write(b"a" * 100_000)
            audio.publish()
            blocks = hear(server.address or "", CLIP, LEASE)
            begun = await anext(blocks)
            later = asyncio.create_task(heard(server, position=99_999))
            audio.write(b"b")
            audio.publish()
            audio.end(whole=True)
            rest = b"".join([block async for block in blocks])
            assert begun + rest == b"a" * 100_000 + b"b"
            assert await later == b"ab"

    run(test)


@pytest.mark.parametrize(("lease", "position"), [("m" * 32, 0), (LEASE, 6), ("m", 0)])
def test_hear_needs_the_lease_and_a_position_there_is(lease: str, position: int) -> None:
    async def test(server: LiveServer) -> None:
        with server.broadcasting(CLIP, LEASE) as audio:
            audio.write(b"hello")
            audio.publish()
            with pytest.raises(BrokenOff):
                await heard(server, lease, position)

    run(test)


def test_hear_waits_for_an_attempt_that_begins_a_moment_later() -> None:
    async def test(server: LiveServer) -> None:
        early = asyncio.create_task(heard(server))
        with server.broadcasting(CLIP, "an earlier attempt") as earlier:
            earlier.write(b"a")
            earlier.publish()
            await asyncio.sleep(0.1)
        assert not early.done()
        with server.broadcasting(CLIP, LEASE) as audio:
            audio.write(b"b")
            audio.publish()
            audio.end(whole=True)
            assert await early == b"b"

    run(test)


def test_hear_breaks_off_with_the_attempt() -> None:
    async def test(server: LiveServer) -> None:
        with server.broadcasting(CLIP, LEASE) as audio:
            audio.write(b"hello")
            audio.publish()
            blocks = hear(server.address or "", CLIP, LEASE)
            assert await anext(blocks) == b"hello"
        with pytest.raises(BrokenOff):
            await anext(blocks)
        async with asyncio.timeout(0.5):  # without waiting for it to begin
            with pytest.raises(BrokenOff):
                await heard(server)
        server.close()
        with pytest.raises(BrokenOff):
            await heard(server)

    run(test)


async def _until_broken(blocks: Blocks) -> Blocks:
    try:
        async for block in blocks:
            yield block
    except BrokenOff:
        return
    raise AssertionError("it was not cut off")


def test_listener_that_does_not_read_is_cut_off_and_holds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_audio, "WINDOW_BYTES", 1_000_000)

    async def test(server: LiveServer) -> None:
        with server.broadcasting(CLIP, LEASE) as audio:
            idle = hear(server.address or "", CLIP, LEASE)
            audio.write(b"x")
            audio.publish()
            size = len(await anext(idle))
            for _ in range(100):
                audio.write(bytes(100_000))
                audio.publish()
                assert audio.kept <= 1_000_000
                await asyncio.sleep(0)
            audio.end(whole=True)
            blocks = [block async for block in _until_broken(idle)]
            assert size + sum(map(len, blocks)) < 3_000_000, (
                "little lies between the worker and the listener"
            )

    run(test)


@pytest.mark.parametrize("request_", [b"\n", b"a b\n", b"a b c\n", b"x" * 500, b"\xff \xff 0\n"])
def test_server_refuses_what_is_no_request(request_: bytes) -> None:
    async def test(server: LiveServer) -> None:
        host, _, port = (server.address or "").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request_)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()

    run(test)
