"""The results of a batch: parts in the order of the manifest, the failed lines, and the summary."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy.orm import Session

from pipelines.audio.containers import FORMATS
from serve_app.db.engine import Database
from serve_app.db.models import CANCELLED, Batch, BatchFailure
from serve_app.media.batches import outcomes
from serve_app.media.batches.places import ObjectPlace

PART_LINES = 10_000
"""Lines of one part of the results."""
_PAGE_LINES = 1_000


def audio_key(output: ObjectPlace, line_id: str, format_name: str) -> str:
    """Where the audio of a line is copied to. Folders by a hash of the id stay small."""
    folder = hashlib.sha256(line_id.encode()).hexdigest()[:2]
    return f"{output.key}audio/{folder}/{line_id}.{FORMATS[format_name].extension}"


def part_key(output: ObjectPlace, number: int) -> str:
    return f"{output.key}results-{number:05d}.jsonl"


def read(
    database: Database, batch: Batch, output: ObjectPlace, first: int, last: int
) -> Iterator[dict[str, Any]]:
    """What became of lines `first` to `last`, in order. Lines of a cancelled batch that were never
    begun are left out."""
    for start in range(first, last + 1, _PAGE_LINES):
        end = min(start + _PAGE_LINES - 1, last)
        with database.reading() as session:
            found = page(session, batch, output, start, end)
        yield from found


def page(
    session: Session, batch: Batch, output: ObjectPlace, first: int, last: int
) -> list[dict[str, Any]]:
    """The same of a few lines."""
    made = outcomes.result_rows(session, batch.id, first, last)
    refused = outcomes.failures_after(session, batch.id, first - 1, last - first + 1)
    found = [_of_clip(row, batch, output) for row in made]
    found += [_of_failure(each) for each in refused if each.line_no <= last]
    return sorted(found, key=lambda result: int(result["line"]))


def as_lines(results: Sequence[dict[str, Any]] | Iterator[dict[str, Any]]) -> bytes:
    """JSON lines."""
    return b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in results)


def summary(batch: Batch, now: float) -> dict[str, Any]:
    """What is written last of all. Its existence means that all other results are there."""
    spoken = batch.audio_seconds
    seconds = max(now - batch.created_at - batch.paused_seconds, 0.0)
    return {
        "batch": batch.id,
        "total": batch.total,
        "succeeded": batch.succeeded,
        "failed": batch.failed,
        "cancelled": batch.cancelled,
        "audio_seconds": round(spoken, 3),
        "credits": batch.charged,
        "started_at": batch.created_at,
        "ended_at": now,
        "seconds_under_way": round(seconds, 3),
        "real_time_factor": round(seconds / spoken, 4) if spoken else None,
    }


def _of_clip(row: Any, batch: Batch, output: ObjectPlace) -> dict[str, Any]:
    result: dict[str, Any] = {"id": row.line_id, "line": row.line_no, "clip": row.id}
    if row.s3_key is None:
        result["state"] = "cancelled" if row.error_code == CANCELLED else "failed"
        cancelled = row.error_code == CANCELLED
        code = (batch.error_code or CANCELLED) if cancelled else row.error_code
        result["error"] = {"code": code, "message": row.error}
        return result
    copied = batch.options.get("copy", False)
    result["format"] = row.options["format"]
    return {
        **result,
        "state": "succeeded",
        "s3_key": audio_key(output, row.line_id, row.options["format"]) if copied else row.s3_key,
        "bytes": row.bytes,
        "seconds": row.audio_seconds,
        "sample_rate": row.options["sample_rate"],
        "credits": row.credits,
        "attempts": row.attempts,
        "timings": row.timings,
    }


def _of_failure(failure: BatchFailure) -> dict[str, Any]:
    error = {"code": failure.code, "message": failure.message}
    if failure.field is not None:
        error["field"] = failure.field
    return {"id": failure.line_id, "line": failure.line_no, "state": "failed", "error": error}
