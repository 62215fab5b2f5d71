"""Batches: many clips by one file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi import Query as FromQuery

from serve_app.bulkheads import Busy
from serve_app.db.models import Batch
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.batch_submission import BatchRequest, submit
from serve_app.http.batch_view import batch_out, ended_lines, with_link
from serve_app.http.openapi import WITH_BODY, errors
from serve_app.http.schemas.batches import BatchOut, LinesQuery, NewBatch
from serve_app.http.schemas.common import PageOut, PageQuery
from serve_app.http.streaming import Blocks, StreamedBlocks, too_many_streams
from serve_app.http.submission import IdempotencyHeader
from serve_app.http.work import reads, writes
from serve_app.media.batches import cancelling, records
from serve_app.media.batches.lines import service_of

router = APIRouter(prefix="/api/batches", tags=["batches"])

_PAGE_LINES = 200
_LOOK_SECONDS = 0.5
_KEEP_ALIVE_SECONDS = 15.0
_JSON_LINES = "application/x-ndjson"
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON lines, in the order of the manifest",
        "content": {_JSON_LINES: {"schema": {"type": "string"}}},
    }
}
_EXAMPLE = """\
event: batch
data: {"id": "0199a3f2c1d47e5b9a0c3d8e6f214b70", "state": "running", "lines": {"total": 200}}
"""


@router.post(
    "",
    status_code=202,
    summary="Make many clips",
    responses=errors(401, 402, 403, 404, 409, 429, *WITH_BODY),
)
async def create_batch(
    body: NewBatch,
    user: CurrentUser,
    state: StateDep,
    response: Response,
    idempotency_key: IdempotencyHeader = None,
) -> BatchOut:
    """Holds the price of all lines, or is refused with the sum. All lines are checked before the
    first is made; where one cannot be used, the batch ends as `refused` and costs nothing."""
    if "service" in body.defaults:
        service_of(body.defaults["service"], "defaults.service")
    asked = BatchRequest(
        upload=body.upload,
        format=body.format,
        options={
            "shape": "lines",
            "copy": False,
            "defaults": body.defaults,
            "skip_invalid": body.skip_invalid,
            "title": body.title,
        },
        partial=body.partial,
        expires_in_seconds=body.expires_in_seconds,
        key=idempotency_key,
    )
    batch = await state.work.recordings.run(user.id, submit, state, user, asked)
    response.headers["Location"] = f"/api/batches/{batch.id}"
    return batch_out(batch)


@router.get("", summary="The account's batches", responses=errors(401, 403, 422))
@reads
def list_batches(
    user: CurrentUser, state: StateDep, query: Annotated[PageQuery, FromQuery()]
) -> PageOut[BatchOut]:
    """Newest first, those of jobs among them."""
    with state.database.reading() as session:
        page = records.list_batches(session, user.id, query.limit, query.cursor)
    return PageOut(items=[batch_out(each) for each in page.items], next_cursor=page.next_cursor)


@router.get("/{batch_id}", summary="One batch", responses=errors(401, 403, 404))
@reads
def get_batch(batch_id: str, user: CurrentUser, state: StateDep) -> BatchOut:
    """How far it is."""
    return batch_out(_find(state, user.id, batch_id))


@router.delete(
    "/{batch_id}",
    status_code=202,
    summary="Cancel a batch",
    responses=errors(401, 403, 404),
)
@writes
def cancel_batch(batch_id: str, user: CurrentUser, state: StateDep) -> BatchOut:
    """Lines that have not begun are cancelled and cost nothing; those under way run to their end,
    and are charged. Does nothing to a batch that has ended."""
    with state.database.transaction() as session:
        return batch_out(cancelling.cancel(session, user.id, batch_id))


@router.get(
    "/{batch_id}/results",
    summary="What became of the lines",
    response_class=Response,
    responses={**_STREAM, **errors(401, 403, 404, 422, 429)},
)
async def get_results(
    batch_id: str,
    user: CurrentUser,
    state: StateDep,
    query: Annotated[LinesQuery, FromQuery()],
) -> Response:
    """One JSON object a line of the manifest, up to the first that has not ended: `id`, `line`,
    `state`, `clip`, and a link to its audio or the error. Ask again with `after` for those that
    have ended since."""
    return await _lines(state, user.id, batch_id, query, failed=False)


@router.get(
    "/{batch_id}/errors",
    summary="The lines that failed",
    response_class=Response,
    responses={**_STREAM, **errors(401, 403, 404, 422, 429)},
)
async def get_errors(
    batch_id: str,
    user: CurrentUser,
    state: StateDep,
    query: Annotated[LinesQuery, FromQuery()],
) -> Response:
    """Of a refused batch, the first hundred lines that cannot be used."""
    return await _lines(state, user.id, batch_id, query, failed=True)


@router.get(
    "/{batch_id}/events",
    summary="How far a batch is, as it gets on",
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events, to the end of the batch",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        **errors(401, 403, 404, 429),
    },
)
async def follow_batch(
    batch_id: str, user: CurrentUser, state: StateDep, request: Request
) -> Response:
    """`batch` with the batch whenever it has changed, at most twice a second; the last one has
    `finished_at`. After a broken connection ask again."""
    following = _follow(state, user.id, batch_id, request)
    return await StreamedBlocks.begin(following, "text/event-stream")


def _find(state: AppState, user_id: str, batch_id: str) -> Batch:
    with state.database.reading() as session:
        return records.get(session, user_id, batch_id)


async def _lines(
    state: AppState, user_id: str, batch_id: str, query: LinesQuery, failed: bool
) -> Response:
    await state.work.reads.run(user_id, _find, state, user_id, batch_id)
    blocks = _pages(state, user_id, batch_id, query, failed)
    return await StreamedBlocks.begin(blocks, _JSON_LINES)


async def _pages(
    state: AppState, user_id: str, batch_id: str, query: LinesQuery, failed: bool
) -> Blocks:
    """A page at a time, as fast as they are taken."""
    after, left = query.after, query.limit
    with state.wait_slots.hold(user_id) as may_wait:
        if not may_wait:
            raise too_many_streams()
        while left > 0:
            count = min(left, _PAGE_LINES)
            try:
                last, lines = await state.work.reads.run(
                    user_id, _page, state, user_id, batch_id, after, count, failed
                )
            except Busy:
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            if last == after:
                return
            left -= last - after if not failed else len(lines)
            after = last
            yield b"".join(lines)


def _page(
    state: AppState, user_id: str, batch_id: str, after: int, limit: int, failed: bool
) -> tuple[int, Sequence[bytes]]:
    with state.database.reading() as session:
        batch = records.get(session, user_id, batch_id)
        last, lines = ended_lines(session, batch, after, limit, failed)
    seconds = state.settings.presign_seconds
    return last, [with_link(line, batch, state.store, seconds) for line in lines]


async def _follow(state: AppState, user_id: str, batch_id: str, request: Request) -> Blocks:
    time = asyncio.get_running_loop().time
    with state.wait_slots.hold(user_id) as may_wait:
        if not may_wait:
            raise too_many_streams()
        told, told_at = "", time()
        while True:
            try:
                batch = await state.work.reads.run(user_id, _find, state, user_id, batch_id)
            except Busy:
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            now = json.dumps(batch_out(batch).model_dump(mode="json"))
            if now != told:
                yield f"event: batch\ndata: {now}\n\n".encode()
                told, told_at = now, time()
            elif time() - told_at >= _KEEP_ALIVE_SECONDS:
                yield b":\n\n"
                told_at = time()
            if batch.finished_at is not None or await request.is_disconnected():
                return
            await asyncio.sleep(max(state.settings.poll_seconds, _LOOK_SECONDS))
