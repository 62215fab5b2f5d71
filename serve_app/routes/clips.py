"""Clips: listing, waiting, cancelling, deleting."""

from __future__ import annotations

import asyncio
import base64
import logging
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as FromQuery

from serve_app.db.models import ClipState
from serve_app.errors import ApiError, not_found
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.clip_view import clip_out
from serve_app.http.openapi import errors
from serve_app.http.schemas.clips import ClipOut, ClipQuery, ClipsQuery, PeaksOut
from serve_app.http.schemas.common import PageOut
from serve_app.http.streaming import until_news
from serve_app.http.work import reads, writes
from serve_app.media import clips
from serve_app.media.clips import ClipFilter

log = logging.getLogger(__name__)

router = APIRouter(prefix="/api/clips", tags=["clips"])


@router.get("", summary="The account's clips", responses=errors(401, 403, 422))
@reads
def list_clips(
    user: CurrentUser, state: StateDep, query: Annotated[ClipsQuery, FromQuery()]
) -> PageOut[ClipOut]:
    """Newest first: all, or those that meet every condition given."""
    with state.database.reading() as session:
        page = clips.list_clips(session, user.id, _filter(query), query.limit, query.cursor)
        now = state.clock(session)
    items = [clip_out(clip, state.store, state.settings, now) for clip in page.items]
    return PageOut(items=items, next_cursor=page.next_cursor)


@router.get("/{clip_id}", summary="One clip", responses=errors(401, 403, 404, 422))
async def get_clip(
    clip_id: str,
    user: CurrentUser,
    state: StateDep,
    query: Annotated[ClipQuery, FromQuery()],
    request: Request,
) -> ClipOut:
    """With `wait`, the answer comes once the clip is finished or the time is over. It comes at once
    while too many other requests of the account wait."""
    time = asyncio.get_running_loop().time
    with (
        state.wait_slots.hold(user.id) as may_wait,
        state.database.notices.watch(clip_id) as news,
    ):
        deadline = time() + (query.wait if may_wait else 0)
        while True:
            clip = await state.work.reads.run(user.id, _find, state, user.id, clip_id)
            left = deadline - time()
            if clip.state is not ClipState.PENDING or left <= 0 or await request.is_disconnected():
                return clip
            wait = min(state.settings.look_seconds, left)
            await until_news(news, request.is_disconnected, wait)


@router.delete(
    "/{clip_id}",
    status_code=204,
    response_class=Response,
    summary="Cancel or delete a clip",
    responses=errors(401, 403, 404, 422),
)
@writes
def delete_clip(clip_id: str, user: CurrentUser, state: StateDep) -> None:
    """Cancels a pending clip, which stays listed and costs nothing; removes a finished one, whose
    audio goes within a few seconds. Conversions of it that are pending already are still made."""
    with state.database.transaction() as session:
        clips.delete(session, user.id, clip_id, state.settings, state.clock(session))


@router.get(
    "/{clip_id}/peaks", summary="The outline of a clip", responses=errors(401, 403, 404, 409, 422)
)
@reads
def get_peaks(clip_id: str, user: CurrentUser, state: StateDep) -> PeaksOut:
    """The waveform of a clip that succeeded, for drawing. A clip that was made before the server
    kept outlines has none: 404 `peaks_not_found`."""
    with state.database.reading() as session:
        clip = clips.get(session, user.id, clip_id)
        if clip.state is not ClipState.SUCCEEDED:
            raise ApiError(409, "clip_not_ready", "Only a clip that succeeded has an outline.")
        pairs = clips.peaks(session, clip.id)
    if pairs is None:
        raise not_found("peaks")
    return PeaksOut(
        seconds=clip.audio_seconds or 0.0,
        pairs=len(pairs) // 2,
        peaks=base64.b64encode(pairs).decode(),
    )


def _filter(query: ClipsQuery) -> ClipFilter:
    return ClipFilter(
        query.service, query.state, query.q, _seconds(query.since), _seconds(query.until)
    )


def _seconds(moment: str | None) -> float | None:
    return None if moment is None else datetime.fromisoformat(moment).timestamp()


def _find(state: AppState, user_id: str, clip_id: str) -> ClipOut:
    with state.database.reading() as session:
        clip = clips.get(session, user_id, clip_id)
        now = state.clock(session)
    return clip_out(clip, state.store, state.settings, now)
