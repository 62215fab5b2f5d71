"""The events of a clip as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi import Query as FromQuery

from serve_app.bulkheads import Busy
from serve_app.db.models import ClipEvent, ClipState
from serve_app.errors import ApiError
from serve_app.field_rules import between
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.openapi import errors
from serve_app.http.schemas.clips import EventsQuery
from serve_app.http.schemas.common import moment
from serve_app.http.streaming import Blocks, StreamedBlocks, too_many_streams, until_news
from serve_app.jobs import admission, events
from serve_app.media import clips

KEEP_ALIVE_SECONDS = 15.0
_RECONNECT = b"retry: 2000\n\n"
_TIMES = ("at", "start_at")

router = APIRouter(prefix="/api/clips", tags=["clips"])

_EXAMPLE = """\
id: 1
event: queued
data: {"at": "2026-03-01T12:00:00Z", "position": 2, "start_at": "2026-03-01T12:00:00Z"}

event: position
data: {"position": 0, "start_at": "2026-03-01T12:00:00Z"}

id: 2
event: started
data: {"at": "2026-03-01T12:00:04Z", "attempt": 1}

id: 3
event: progress
data: {"at": "2026-03-01T12:00:05Z", "segment": 1, "segments": 3, "step": 4, "steps": 10}

id: 4
event: audio
data: {"at": "2026-03-01T12:00:06Z", "seconds": 4.2, "bytes": 201644}

id: 5
event: finished
data: {"at": "2026-03-01T12:00:09Z", "seconds": 12.5, "bytes": 600044}
"""


@router.get(
    "/{clip_id}/events",
    summary="What happens to a clip, as it happens",
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events, to the end of the clip",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        204: {"description": "The clip has ended, and all its events were seen"},
        **errors(401, 403, 404, 422, 429),
    },
)
async def follow_clip(
    clip_id: str,
    user: CurrentUser,
    state: StateDep,
    query: Annotated[EventsQuery, FromQuery()],
    request: Request,
    last_event_id: Annotated[
        Annotated[int, between(0, 2**31 - 1)] | None,
        Header(
            alias="Last-Event-ID",
            description="The number of the last event seen, as browsers send it when they connect "
            "again. It goes before `after`.",
        ),
    ] = None,
) -> Response:
    """The events are kept with the clip: after a broken connection the stream goes on behind the
    last one seen. Each has a number (`id`) and a name: `queued`, `started`, `progress`, `audio`
    (what is ready), `retrying`, `postponed`, and last one of `finished`, `failed` and `cancelled`.
    While the clip waits there is also `position`, which has no number. Once the clip has ended
    there is no `progress` and no `audio` any more."""
    after = query.after if last_event_id is None else last_event_id
    snapshot = await state.work.reads.run(user.id, _snapshot, state, user.id, clip_id, after)
    if snapshot.ended and not snapshot.events_after:
        return Response(status_code=204)  # tells browsers not to connect again
    following = _follow(state, user.id, clip_id, after, request)
    return await StreamedBlocks.begin(following, "text/event-stream")


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The clip at one time: its next events, and its position and start time if it waits."""

    events_after: Sequence[ClipEvent]
    ended: bool
    place: tuple[int, float] | None


def _snapshot(state: AppState, user_id: str, clip_id: str, after: int) -> _Snapshot:
    with state.database.reading() as session:
        clip = clips.get(session, user_id, clip_id)
        pending = clip.state is ClipState.PENDING
        events_after = events.since(session, clip_id, after)
        waits = pending and clip.lease is None
        place = (admission.position(session, clip), clip.start_at) if waits else None
    return _Snapshot(events_after, not pending, place)


async def _follow(
    state: AppState, user_id: str, clip_id: str, after: int, request: Request
) -> Blocks:
    """Ends with the clip, and soon after the client disconnects."""
    time = asyncio.get_running_loop().time
    settings = state.settings
    with (
        state.wait_slots.hold(user_id) as may_wait,
        state.database.notices.watch(clip_id) as news,
    ):
        if not may_wait:
            raise too_many_streams()
        yield _RECONNECT
        place: tuple[int, float] | None = None
        spoke_at = time()
        while not await request.is_disconnected():
            try:
                snapshot = await state.work.reads.run(
                    user_id, _snapshot, state, user_id, clip_id, after
                )
            except Busy:
                await asyncio.sleep(settings.poll_seconds)
                continue
            except ApiError:
                return  # the clip was deleted
            messages = [_numbered(event) for event in snapshot.events_after]
            if snapshot.place is not None and snapshot.place != place:
                position, start_at = snapshot.place
                messages.append(_message("position", {"position": position, "start_at": start_at}))
            if not messages and time() - spoke_at >= KEEP_ALIVE_SECONDS:
                messages.append(":\n\n")
            if messages:
                yield "".join(messages).encode()
                spoke_at = time()
            if snapshot.ended and (
                not snapshot.events_after or snapshot.events_after[-1].kind in events.ENDS
            ):
                return
            place = snapshot.place
            if snapshot.events_after:
                after = snapshot.events_after[-1].seq
            # Of its place in line nothing is told: that changes with the clips of all others.
            in_line = place is not None
            wait = 2 * settings.poll_seconds if in_line else settings.look_seconds
            await until_news(news, request.is_disconnected, wait)


def _numbered(event: ClipEvent) -> str:
    return f"id: {event.seq}\n{_message(event.kind, {'at': event.at, **event.data})}"


def _message(kind: str, data: dict[str, Any]) -> str:
    """JSON has no line breaks of its own, so one data line always suffices."""
    shown = {
        name: moment(value).isoformat().replace("+00:00", "Z") if name in _TIMES else value
        for name, value in data.items()
    }
    return f"event: {kind}\ndata: {json.dumps(shown)}\n\n"
