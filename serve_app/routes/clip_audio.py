"""The audio of a clip: a link to it, or its bytes while the clip is generated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as FromQuery
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import RedirectResponse

from pipelines.audio.appending import surplus
from pipelines.audio.containers import FORMATS
from serve_app.bulkheads import Busy
from serve_app.db.models import Clip, ClipEvent, ClipState
from serve_app.errors import ApiError
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.clip_view import audio_url
from serve_app.http.openapi import errors
from serve_app.http.schemas.clips import AudioQuery
from serve_app.http.streaming import Blocks, StreamedBlocks, too_many_streams
from serve_app.jobs import events
from serve_app.jobs.events import Kind
from serve_app.media import clips, live_audio
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing, StoreError

BLOCK_BYTES = 256 * 1024

router = APIRouter(prefix="/api/clips", tags=["clips"])


class StreamInterrupted(Exception):
    """The audio sent so far is useless: the connection has to break before the answer is
    complete."""


@router.get(
    "/{clip_id}/audio",
    summary="The audio of a clip",
    response_class=Response,
    responses={
        200: {
            "description": "With `stream`: the audio of a pending clip while it is made, byte for "
            "byte that of the finished clip but for the head, which states no length",
            "content": {
                each.content_type: {"schema": {"type": "string", "format": "binary"}}
                for each in FORMATS.values()
            },
        },
        307: {
            "description": "Where the audio of a clip that succeeded can be fetched from",
            "headers": {"Location": {"schema": {"type": "string"}}},
        },
        **errors(401, 403, 404, 409, 422, 429),
    },
)
async def get_audio(
    clip_id: str,
    user: CurrentUser,
    state: StateDep,
    query: Annotated[AudioQuery, FromQuery()],
    request: Request,
) -> Response:
    """A redirect to the link of a clip that succeeded: the object store sends as slowly as who
    listens reads, while Serve would keep what is not read in memory. With `stream`, the bytes of a
    pending clip as they are made, if nobody asks for them too late, and else when it has
    succeeded. Where the clip fails or is made anew meanwhile, the connection breaks off. What is
    heard while it is made cannot state its length where that comes first in the file; the stored
    file does."""
    clip = await state.work.reads.run(user.id, _find, state, user.id, clip_id)
    if query.stream and clip.state is ClipState.PENDING and not clip.streamed:
        await state.work.writes.run(user.id, _request_audio, state, clip_id)
    if clip.state is ClipState.SUCCEEDED:
        seconds = state.settings.presign_seconds
        return RedirectResponse(audio_url(clip, state.store, seconds), 307)
    if not query.stream:
        raise _refusal(clip)
    blocks = _blocks(state, user.id, clip_id, request)
    return await StreamedBlocks.begin(blocks, FORMATS[clip.options["format"]].content_type)


def _refusal(clip: Clip) -> ApiError:
    """Why a clip has no audio."""
    if clip.state is ClipState.FAILED:
        return ApiError(409, "clip_failed", f"The clip failed. {clip.error}")
    if clip.state is ClipState.CANCELLED:
        return ApiError(409, "clip_cancelled", "The clip was cancelled.")
    message = "The clip is not ready yet. Wait for it, or listen meanwhile with stream=1."
    return ApiError(409, "clip_not_ready", message)


def _find(state: AppState, user_id: str, clip_id: str) -> Clip:
    with state.database.reading() as session:
        return clips.get(session, user_id, clip_id)


def _request_audio(state: AppState, clip_id: str) -> None:
    with state.database.transaction() as session:
        live_audio.request(session, clip_id)


def _surplus(store: ObjectStore, clip: Clip) -> int:
    """Bytes that the object of a clip has more, at its start, than its stream."""
    head = store.get_range(clip.s3_key or "", 0, 4)
    return surplus(head, FORMATS[clip.options["format"]].container)


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


async def _blocks(state: AppState, user_id: str, clip_id: str, request: Request) -> Blocks:
    """Raises the reason why there is no audio before the first block, and StreamInterrupted after
    it."""
    position = _StreamPosition()
    with state.wait_slots.hold(user_id) as may_wait:
        if not may_wait:
            raise too_many_streams()
        try:
            async with aclosing(_listen(state, user_id, clip_id, request, position)) as blocks:
                async for block in blocks:
                    position.bytes += len(block)
                    yield block
        except (ApiError, StoreError, SQLAlchemyError) as error:
            if not position.bytes:
                raise
            raise StreamInterrupted("the rest of the audio cannot be had") from error


async def _listen(
    state: AppState, user_id: str, clip_id: str, request: Request, position: _StreamPosition
) -> Blocks:
    store, work = state.store, state.work
    while not await request.is_disconnected():
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
            raise _refusal(clip)
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
