"""Batches in OpenAI's shape: speech alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request

from serve_app.db.models import Batch, BatchState
from serve_app.db.pagination import encode_cursor
from serve_app.errors import ApiError, invalid
from serve_app.field_rules import length, storable
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.batch_submission import BatchRequest, submit
from serve_app.http.openai_batches import BATCH, FILE, batch_shown
from serve_app.http.schemas.batches import DAY
from serve_app.http.schemas.common import ForeignBody
from serve_app.http.surface_calls import JOIN_SECONDS
from serve_app.http.work import reads, writes
from serve_app.media.batches import cancelling, outcomes, records

router = APIRouter(prefix="/v1/batches")

_MAX_PAIRS = 16
_SHOWN_ERRORS = 100


class NewBatch(ForeignBody):
    input_file_id: Annotated[str, length(1, 100)]
    endpoint: Literal["/v1/audio/speech"]
    completion_window: Literal["24h"]
    metadata: dict[str, str] | None = None


@router.post("")
async def create_batch(
    body: NewBatch, user: CurrentUser, state: StateDep, request: Request
) -> dict[str, Any]:
    _check_metadata(body.metadata or {})
    options = {
        "shape": "openai",
        "copy": False,
        "input_file": body.input_file_id,
        "metadata": body.metadata,
    }
    key, since = request.headers.get("idempotency-key"), None
    if key is None:
        # The client does not name what it repeats: the answer to the first may be lost, or not yet
        # be there.
        repeats = request.headers.get("x-stainless-retry-count", "0") != "0"
        lookup = state.work.reads.run(user.id, _earlier, state, user.id, options, repeats)
        since, earlier = await lookup
        if earlier is not None:
            return batch_shown(earlier)
    asked = BatchRequest(
        upload=body.input_file_id.removeprefix(FILE),
        format="jsonl",
        options=options,
        expires_in_seconds=DAY,
        key=key,
        same_since=since,
    )
    batch = await state.work.recordings.run(user.id, submit, state, user, asked)
    return batch_shown(batch)


def _earlier(
    state: AppState, user_id: str, options: dict[str, Any], repeats: bool
) -> tuple[float, Batch | None]:
    """Since when a batch with these options is the one asked for, and such a batch. A request that
    is no repetition joins only what its own repetitions make while it is under way."""
    with state.database.reading() as session:
        since = state.clock(session) - (JOIN_SECONDS if repeats else 0)
        return since, records.made_since(session, user_id, options, since)


def _check_metadata(given: dict[str, str]) -> None:
    """Raises ApiError 422."""
    if len(given) > _MAX_PAIRS:
        raise invalid("metadata", f"metadata may have {_MAX_PAIRS} pairs.")
    if not storable(given):
        raise invalid("metadata", "metadata may have no NUL and no half of a surrogate pair.")


@router.get("")
@reads
def list_batches(
    user: CurrentUser, state: StateDep, limit: int = 20, after: str | None = None
) -> dict[str, Any]:
    count = min(max(limit, 1), 100)
    with state.database.reading() as session:
        cursor = None
        if after is not None:
            last = records.get(session, user.id, after.removeprefix(BATCH))
            cursor = encode_cursor(last.created_at, last.id)
        page = records.list_batches(session, user.id, count, cursor)
    shown = [batch_shown(each) for each in page.items]
    return {
        "object": "list",
        "data": shown,
        "has_more": page.next_cursor is not None,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }


@router.get("/{batch_id}")
@reads
def retrieve_batch(batch_id: str, user: CurrentUser, state: StateDep) -> dict[str, Any]:
    with state.database.reading() as session:
        batch = records.get(session, user.id, batch_id.removeprefix(BATCH))
        refused = batch.state == BatchState.REFUSED
        failures = outcomes.failures_after(session, batch.id, 0, _SHOWN_ERRORS) if refused else ()
    return batch_shown(batch, failures)


@router.post("/{batch_id}/cancel")
@writes
def cancel_batch(batch_id: str, user: CurrentUser, state: StateDep) -> dict[str, Any]:
    with state.database.transaction() as session:
        batch: Batch = records.get(session, user.id, batch_id.removeprefix(BATCH), lock=True)
        if batch.finished_at is not None:
            message = f"The batch is {batch.state}: nothing of it is left to be cancelled."
            raise ApiError(409, "batch_ended", message)
        cancelling.end_early(session, batch)
    return batch_shown(batch)
