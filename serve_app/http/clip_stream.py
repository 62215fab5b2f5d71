"""The audio of a clip as a stream of bytes, while the clip is made or afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from pipelines.audio.appending import HEAD_BYTES, surplus
from pipelines.audio.containers import ENCODINGS
from serve_app.bulkheads import Busy
from serve_app.db.models import Clip, ClipEvent, ClipState
from serve_app.endings import end
from serve_app.errors import ApiError
from serve_app.http.app_state import AppState
from serve_app.http.streaming import GONE_SECONDS, Blocks, Gone, too_many_streams, until_news
from serve_app.jobs import events
from serve_app.jobs.events import Kind
from serve_app.media import clips
from serve_app.media.frames import BrokenOff
from serve_app.media.live_audio import hear
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import StoreError

BLOCK_BYTES = 256 * 1024


class StreamInterrupted(Exception):
    """The audio sent so far is useless: the connection has to break before the answer is
    complete."""


def refusal(clip: Clip) -> ApiError:
    """Why a clip has no audio."""
    if clip.state is ClipState.FAILED:
        return ApiError(409, "clip_failed", f"The clip failed. {clip.error}")
    if clip.state is ClipState.CANCELLED:
        return ApiError(409, "clip_cancelled", "The clip was cancelled.")
    message = "The clip is not ready yet. Wait for it, or listen meanwhile with stream=1."
    return ApiError(409, "clip_not_ready", message)


def _surplus(store: ObjectStore, clip: Clip) -> int:
    """Bytes that the object of a clip has more, at its start, than its stream."""
    head = store.get_range(clip.s3_key or "", 0, HEAD_BYTES)
    return surplus(head, ENCODINGS[clip.options["format"]].container)


def _read_events(
    state: AppState, user_id: str, clip_id: str, after: int
) -> tuple[Clip, Sequence[ClipEvent]]:
    # The clip is read first, so that the events include all that led to its state.
    with state.database.reading() as session:
        return clips.get(session, user_id, clip_id), events.since(session, clip_id, after)


@dataclass(slots=True)
class _StreamPosition:
    """How far one listener is, in the audio of one attempt."""

    seen: int = 0
    """The number of the last event."""
    bytes: int = 0
    complete: bool = False

    def advance(self, event: ClipEvent) -> None:
        """Applies an event. Raises StreamInterrupted at the end of an attempt whose audio was
        sent."""
        self.seen = event.seq
        if self.bytes and event.kind in (Kind.STARTED, Kind.RETRYING, Kind.POSTPONED):
            raise StreamInterrupted("the clip is made anew")


async def clip_stream(
    state: AppState, user_id: str, clip_id: str, gone: Gone, live: bool = True
) -> Blocks:
    """The encoded bytes of a clip, as they are made; without `live`, those of the finished file
    once it has succeeded. It ends early where `gone` says that nobody listens any more.

    Raises the reason why there is no audio before the first block, and StreamInterrupted after
    it."""
    position = _StreamPosition()
    with state.wait_slots.hold(user_id) as may_wait:
        if not may_wait:
            raise too_many_streams()
        try:
            blocks = _listen(state, user_id, clip_id, gone, live, position)
            async with aclosing(blocks):
                async for block in blocks:
                    position.bytes += len(block)
                    yield block
        except (ApiError, StoreError, SQLAlchemyError) as error:
            if not position.bytes:
                raise
            raise StreamInterrupted("the rest of the audio cannot be had") from error


async def _listen(
    state: AppState,
    user_id: str,
    clip_id: str,
    gone: Gone,
    live: bool,
    position: _StreamPosition,
) -> Blocks:
    with state.database.notices.watch(clip_id) as news:
        while not await gone():
            try:
                clip, happened = await state.work.reads.run(
                    user_id, _read_events, state, user_id, clip_id, position.seen
                )
            except Busy:
                await asyncio.sleep(state.settings.poll_seconds)
                continue
            for event in happened:
                position.advance(event)
            if clip.failed:
                raise refusal(clip)
            if clip.s3_key is not None:
                source = _stored(state, user_id, clip, position)
            elif live and clip.maker and clip.lease:
                source = _heard(state, user_id, clip, gone, position)
            else:
                await until_news(news, gone, state.settings.look_seconds)
                continue
            async with aclosing(source):
                async for block in source:
                    yield block
            if position.complete:
                return
            # The attempt may have ended, and what became of it is told soon.
            await until_news(news, gone, state.settings.poll_seconds)


async def _stored(state: AppState, user_id: str, clip: Clip, position: _StreamPosition) -> Blocks:
    """What is left of the finished file."""
    store, work = state.store, state.work
    ahead = await work.store.run(user_id, _surplus, store, clip) if position.bytes else 0
    while (at := position.bytes + ahead) < (clip.bytes or 0):
        yield await work.store.run(user_id, store.get_range, clip.s3_key, at, BLOCK_BYTES)
    position.complete = True


async def _heard(
    state: AppState, user_id: str, clip: Clip, gone: Gone, position: _StreamPosition
) -> Blocks:
    """What the worker sends that makes the clip. It may end before the clip does, and ends where
    the attempt is over and nothing comes."""
    blocks = hear(clip.maker or "", clip.id, clip.lease or "", position.bytes)
    over = asyncio.ensure_future(_attempt_over(state, user_id, clip))
    try:
        async with aclosing(blocks):
            while True:
                coming = asyncio.ensure_future(anext(blocks, None))
                try:
                    while not (await asyncio.wait([coming], timeout=GONE_SECONDS))[0]:
                        if over.done() or await gone():
                            return
                    block = coming.result()
                except BrokenOff:
                    return
                finally:
                    await end([coming])
                if block is None:
                    position.complete = True
                    return
                yield block
    finally:
        over.cancel()


async def _attempt_over(state: AppState, user_id: str, clip: Clip) -> None:
    """Returns once the lease of the clip is another: a worker that is cut off, or stands still,
    says nothing of that. A database that is away ends nothing."""
    while True:
        await asyncio.sleep(state.settings.look_seconds)
        with suppress(Busy, SQLAlchemyError):
            if await state.work.reads.run(user_id, _lease, state, clip.id) != clip.lease:
                return


def _lease(state: AppState, clip_id: str) -> str | None:
    with state.database.reading() as session:
        return session.scalar(select(Clip.lease).where(Clip.id == clip_id))
