"""From the lines of a batch to clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from serve_app.accounts import credits
from serve_app.db import notices
from serve_app.db.many_rows import insert_rows
from serve_app.db.models import BULK, CANCELLED, Batch, BatchFailure, BatchState, Clip
from serve_app.ids import new_id
from serve_app.jobs import admission
from serve_app.media.batches.leases import held
from serve_app.media.batches.lines import Line, Rejection
from serve_app.media.batches.records import failure_of
from serve_app.media.clips import NewClip


def add_lines(session: Session, batch: Batch, token: str, lines: Sequence[Line], now: float) -> int:
    """Makes the lines after the cursor into clips, and moves the cursor behind them. Returns how
    many clips there are now; adds nothing where the lease was lost, the batch was cancelled, or the
    cursor is not before the first of the lines, or where the batch has not so many lines left.

    Workers take these lines in order of service, voice and length, so that what they compute
    together is alike.
    """
    credits.lock_account(session, batch.user_id)
    locked = held(session, batch.id, token)
    if locked is None or locked.state != BatchState.RUNNING:
        return 0
    if locked.cursor != lines[0].number - 1 or len(lines) > locked.waiting:
        return 0
    rows = [_row(locked, line, line.content, now) for line in lines if _is_clip(line)]
    failures = [
        failure_of(locked.id, line.number, line.id, line.content)
        for line in lines
        if isinstance(line.content, Rejection)
    ]
    if rows:
        _take_turns(session, locked.user_id, rows)
        insert_rows(session, Clip, rows)
        notices.tell(session, notices.LINE)
    insert_rows(session, BatchFailure, failures)
    locked.cursor = lines[-1].number
    locked.waiting -= len(lines)
    locked.pending += len(rows)
    locked.failed += len(failures)
    locked.held -= len(lines) * locked.line_credits
    locked.released += len(failures) * locked.line_credits
    session.flush()
    return len(rows)


def retry_failed(
    session: Session, batch: Batch, token: str, before: float, limit: int, now: float
) -> int:
    """Makes new clips of up to `limit` lines whose clips failed before a time; returns how many.
    They take the place of the failed ones in the results. Raises ApiError 402
    `not_enough_credits`."""
    failed = session.scalars(
        select(Clip)
        .where(Clip.batch_id == batch.id, Clip.line_no.is_not(None), Clip.failed)
        .where(Clip.error_code != CANCELLED, Clip.finished_at < before)
        .order_by(Clip.line_no)
        .limit(limit)
        .with_for_update(key_share=True)
    ).all()
    user = credits.lock_account(session, batch.user_id)
    locked = held(session, batch.id, token)
    if (
        not failed
        or locked is None
        or locked.state in (BatchState.CANCELLING, BatchState.CANCELLED)
    ):
        return 0
    cost = len(failed) * locked.line_credits
    credits.require_available(session, user, cost, f"retry of {len(failed)} lines")
    rows = [
        _row(locked, Line(clip.line_no or 0, clip.line_id or "", _again(clip)), clip, now)
        for clip in failed
    ]
    first = min(row["line_no"] for row in rows)
    for clip in failed:
        clip.line_no = None
    session.flush()
    _take_turns(session, locked.user_id, rows)
    insert_rows(session, Clip, rows)
    notices.tell(session, notices.LINE)
    locked.failed -= len(rows)
    locked.pending += len(rows)
    locked.released -= cost
    locked.delivered = min(locked.delivered, first - 1)
    locked.state, locked.finished_at = BatchState.RUNNING, None
    session.flush()
    return len(rows)


def _is_clip(line: Line) -> bool:
    return isinstance(line.content, NewClip)


def _take_turns(session: Session, user_id: str, rows: list[dict[str, Any]]) -> None:
    turn = admission.next_turn(session, user_id, BULK)
    alike = sorted(rows, key=_likeness)
    for place, row in enumerate(alike):
        row["turn"] = turn + place


def _likeness(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["service"], row["voice"] or "", len(row["text"] or "")


def _row(batch: Batch, line: Line, new: Any, now: float) -> dict[str, Any]:
    return {
        "id": new_id(),
        "user_id": batch.user_id,
        "service": new.service,
        "text": new.text,
        "voice": new.voice,
        "original_voice_s3_key": new.original_voice_s3_key,
        "options": new.options,
        "credits": batch.line_credits,
        "created_at": now,
        "start_at": now,
        "ready": True,
        "lane": BULK,
        "batch_id": batch.id,
        "line_no": line.number,
        "line_id": line.id,
    }


def _again(clip: Clip) -> NewClip:
    return NewClip(
        clip.service, clip.text, clip.voice, clip.original_voice_s3_key, clip.options, clip.credits
    )
