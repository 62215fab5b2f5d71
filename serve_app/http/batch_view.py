"""The JSON of a batch, and of what became of its lines."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.orm import Session

from pipelines.audio.containers import ENCODINGS
from serve_app.db.models import Batch, BatchState
from serve_app.http.schemas.batches import BatchCredits, BatchErrorOut, BatchOut, LineCounts
from serve_app.http.schemas.common import moment, moment_or_none
from serve_app.media.batches import outcomes, results
from serve_app.media.batches.places import place_of
from serve_app.storage.store import ObjectStore


def batch_out(batch: Batch) -> BatchOut:
    """The batch as the API gives it."""
    pending = batch.pending
    error = None
    if batch.error_code is not None:
        error = BatchErrorOut(code=batch.error_code, message=batch.error or "")
    return BatchOut(
        id=batch.id,
        state=BatchState(batch.state),
        title=batch.options.get("title"),
        created_at=moment(batch.created_at),
        finished_at=moment_or_none(batch.finished_at),
        expires_at=moment_or_none(batch.expires_at),
        lines=LineCounts(
            total=batch.total,
            waiting=batch.waiting,
            pending=pending,
            succeeded=batch.succeeded,
            failed=batch.failed,
            cancelled=batch.cancelled,
        ),
        settled=batch.delivered,
        credits=BatchCredits(
            price=batch.price,
            held=batch.held + pending * batch.line_credits,
            charged=batch.charged,
            released=batch.released,
        ),
        audio_seconds=round(batch.audio_seconds, 3),
        error=error,
    )


def ended_lines(
    session: Session, batch: Batch, after: int, limit: int, failed: bool
) -> tuple[int, list[dict[str, Any]]]:
    """What became of the next lines that have ended, in order, or of those alone that failed; and
    the line up to which that tells all. A refused batch has but failed lines."""
    output = place_of(batch.output)
    if failed or batch.state == BatchState.REFUSED:
        numbers = outcomes.failed_after(session, batch.id, after, limit)
        lines = [
            line
            for first, last in _runs(numbers)
            for line in results.page(session, batch, output, first, last)
        ]
        return (numbers[-1] if numbers else after), lines
    last = outcomes.settled(session, batch, after, limit)
    return max(last, after), results.page(session, batch, output, after + 1, last)


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """First and last of each run of successive numbers."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def with_link(line: dict[str, Any], batch: Batch, store: ObjectStore, seconds: int) -> bytes:
    """A line of the results as JSON, with a link to its audio where that lies in the service's own
    bucket."""
    copied = batch.options.get("copy", False)
    here = not copied or place_of(batch.output).bucket == store.bucket
    if line["state"] == "succeeded" and here:
        encoding = ENCODINGS[line["format"]]
        name = f"{line['id']}.{encoding.extension}"
        line["url"] = store.presigned_get(line["s3_key"], seconds, name)
        line["content_type"] = encoding.content_type
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"
