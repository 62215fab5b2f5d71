"""The audio of a clip as a stream of bytes, while the clip is made or afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from pipelines.audio.appending import HEAD_BYTES, surplus
from pipelines.audio.containers import ENCODINGS
from serve_app.bulkheads import Busy
from serve_app.db.models import Clip, ClipEvent, ClipState
from serve_app.errors import ApiError
from serve_app.http.app_state import AppState
from serve_app.http.streaming import Blocks, too_many_streams
from serve_app.jobs import events
from serve_app.jobs.events import Kind
from serve_app.media import clips, live_audio
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing, StoreError

BLOCK_BYTES = 256 * 1024

Gone = Callable[[], Awaitable[bool]]


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


async def listen(state: AppState, user_id: str, clip_id: str) -> None:
    """Requests the stream of a pending clip."""

    def mark() -> None:
        with state.database.transaction() as session:
            live_audio.request(session, clip_id)

    await state.work.writes.run(user_id, mark)


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
    """How far one listener is, in the pieces of one attempt."""

    seen: int = 0
    """The number of the last event."""
    started: int = 0
    ready: int = 0
    pieces: int = 0
    bytes: int = 0

    def advance(self, event: ClipEvent) -> None:
        """Applies an event. Raises StreamInterrupted at the end of an attempt whose audio was
        sent."""
        self.seen = event.seq
        if event.kind == Kind.AUDIO:
            self.ready = event.data.get("pieces", 0)
        elif event.kind in (Kind.STARTED, Kind.RETRYING, Kind.POSTPONED):
            if self.bytes:
                raise StreamInterrupted("the clip is made anew")
            self.started, self.ready = event.seq, 0


async def clip_stream(state: AppState, user_id: str, clip_id: str, gone: Gone) -> Blocks:
    """The encoded bytes of a clip, as they are made where its stream was requested (`listen`), and
    else once it has succeeded. It ends early where `gone` says that nobody listens any more.

    Raises the reason why there is no audio before the first block, and StreamInterrupted after
    it."""
    position = _StreamPosition()
    with state.wait_slots.hold(user_id) as may_wait:
        if not may_wait:
            raise too_many_streams()
        try:
            async with aclosing(_listen(state, user_id, clip_id, gone, position)) as blocks:
                async for block in blocks:
                    position.bytes += len(block)
                    yield block
        except (ApiError, StoreError, SQLAlchemyError) as error:
            if not position.bytes:
                raise
            raise StreamInterrupted("the rest of the audio cannot be had") from error


async def _listen(
    state: AppState, user_id: str, clip_id: str, gone: Gone, position: _StreamPosition
) -> Blocks:
    store, work = state.store, state.work
    while not await gone():
        try:
            clip, news = await work.reads.run(
                user_id, _read_events, state, user_id, clip_id, position.seen
            )
        except Busy:
            await asyncio.sleep(state.settings.poll_seconds)
            continue
        for event in news:
            position.advance(event)
        if clip.s3_key is not None:
            ahead = 0
            if position.bytes:
                ahead = await work.store.run(user_id, _surplus, store, clip)
            while (at := position.bytes + ahead) < (clip.bytes or 0):
                yield await work.store.run(user_id, store.get_range, clip.s3_key, at, BLOCK_BYTES)
            return
        if clip.failed:
            raise refusal(clip)
        while position.pieces < position.ready:
            key = live_audio.piece_key(clip_id, position.started, position.pieces + 1)
            try:
                piece = await work.store.run(user_id, store.get, key)
            except Busy:
                break  # it is there at the next look as well
            except ObjectMissing:
                break  # the attempt has ended: the next events say how
            position.pieces += 1
            yield piece
        await asyncio.sleep(state.settings.poll_seconds)
