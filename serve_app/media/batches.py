"""Batches: accepted as a whole, made into clips a window at a time, followed to their end.

A feeder (`serve_app.bulk`) holds the lease of a batch and turns its lines into clips. The cursor
moves in the transaction that inserts the clips, so a feeder that dies at any point has inserted a
line once or not at all. Lock order: a clip, its user, its batch.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.orm import Session

from serve_app.accounts import credits
from serve_app.db import notices
from serve_app.db.models import (
    BULK,
    CANCELLED,
    PENDING,
    Batch,
    BatchFailure,
    BatchState,
    Clip,
)
from serve_app.db.pagination import Page, decode_cursor, encode_cursor
from serve_app.errors import ApiError, not_found
from serve_app.ids import is_id, new_id
from serve_app.jobs import admission, events
from serve_app.jobs.events import Kind
from serve_app.media.clips import NewClip
from serve_app.settings import Settings

_CANCELLED_AT_ONCE = 200
_MESSAGE = "The batch was cancelled."


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A valid manifest of `lines` lines, to be made at `line_credits` each."""

    name: str
    """Tells the user's batches apart: the same name is the same batch."""
    manifest: str
    manifest_sha256: str
    output: str
    options: dict[str, Any]
    lines: int
    line_credits: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a line does not become a clip."""

    code: str
    message: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Line `number` of a manifest, from 1, and what becomes of it."""

    number: int
    id: str
    content: NewClip | Rejection


def id_of(user_id: str, name: str) -> str:
    """The id of a user's batch of this name: 32 hex digits of a SHA-256."""
    return hashlib.sha256(f"batch\n{user_id}\n{name}".encode()).hexdigest()[:32]


def accept(
    session: Session, user_id: str, new: NewBatch, settings: Settings, now: float
) -> tuple[Batch, bool]:
    """Holds the price of all lines. Returns the batch, and whether it is new.

    The same name with the same manifest, output and options is the earlier batch. Raises ApiError
    409 `batch_conflict` where one of them differs, 422 `too_many_lines`, 429 `too_many_batches`,
    and 402 `not_enough_credits`.
    """
    user = credits.lock_account(session, user_id)
    batch_id = id_of(user_id, new.name)
    earlier = session.get(Batch, batch_id, populate_existing=True)
    if earlier is not None:
        require_same(earlier, new)
        return earlier, False
    if new.lines > settings.max_batch_lines:
        message = f"A batch has at most {settings.max_batch_lines} lines; this has {new.lines}."
        raise ApiError(422, "too_many_lines", message, "manifest")
    under_way = select(func.count()).where(Batch.user_id == user_id, Batch.finished_at.is_(None))
    if session.scalars(under_way).one() >= settings.max_batches_of_user:
        message = f"You have {settings.max_batches_of_user} batches under way. Wait for one."
        raise ApiError(429, "too_many_batches", message, retry_after=60)
    price = new.lines * new.line_credits
    credits.require_available(session, user, price, f"batch of {new.lines} lines")
    batch = Batch(
        id=batch_id,
        user_id=user_id,
        name=new.name,
        manifest=new.manifest,
        manifest_sha256=new.manifest_sha256,
        output=new.output,
        options=new.options,
        state=BatchState.RUNNING,
        created_at=now,
        total=new.lines,
        waiting=new.lines,
        line_credits=new.line_credits,
        price=price,
        held=price,
    )
    session.add(batch)
    session.flush()
    return batch, True


def require_same(earlier: Batch, new: NewBatch) -> None:
    """Raises ApiError 409 `batch_conflict` where a new batch differs from the one of its name."""
    for name in ("manifest_sha256", "output", "options"):
        if getattr(earlier, name) != getattr(new, name):
            what = name.removesuffix("_sha256")
            message = f"Batch {earlier.id} was begun with another {what}. Give another batch id."
            raise ApiError(409, "batch_conflict", message, what)


def get(session: Session, user_id: str, batch_id: str, lock: bool = False) -> Batch:
    """Raises ApiError 404 `batch_not_found` for unknown and foreign ids alike."""
    if not is_id(batch_id):
        raise not_found("batch")
    query = select(Batch).where(Batch.id == batch_id, Batch.user_id == user_id)
    if lock:
        query = query.with_for_update()
    batch = session.scalars(query, execution_options={"populate_existing": True}).one_or_none()
    if batch is None:
        raise not_found("batch")
    return batch


def list_batches(
    session: Session, user_id: str, limit: int = 20, cursor: str | None = None
) -> Page[Batch]:
    """The user's batches, newest first. Raises ApiError 422 for an invalid cursor."""
    query = select(Batch).where(Batch.user_id == user_id)
    if cursor is not None:
        created_at, batch_id = decode_cursor(cursor, float, str)
        before = and_(Batch.created_at == created_at, Batch.id < batch_id)
        query = query.where(or_(Batch.created_at < created_at, before))
    newest_first = query.order_by(Batch.created_at.desc(), Batch.id.desc())
    rows = list(session.scalars(newest_first.limit(limit + 1)))
    more = encode_cursor(rows[limit - 1].created_at, rows[limit - 1].id) if rows[limit:] else None
    return Page(rows[:limit], more)


def take(session: Session, batch_id: str, seconds: float, now: float) -> str | None:
    """Leases the batch to a new feeder: its token, or None while another has it."""
    token = secrets.token_hex(16)
    free = or_(Batch.lease.is_(None), Batch.lease_until < now)
    taken = update(Batch).where(Batch.id == batch_id, free)
    found = session.scalars(
        taken.values(lease=token, lease_until=now + seconds).returning(Batch.id)
    )
    return token if found.one_or_none() is not None else None


def renew(session: Session, batch_id: str, token: str, seconds: float, now: float) -> Batch | None:
    """Holds the lease for `seconds` more. The locked batch, or None if the lease was lost."""
    batch = _held(session, batch_id, token)
    if batch is not None:
        batch.lease_until = now + seconds
    return batch


def let_go(session: Session, batch_id: str, token: str) -> None:
    """Ends the lease, if it is held still."""
    if (batch := _held(session, batch_id, token)) is not None:
        batch.lease = batch.lease_until = None


def add_lines(session: Session, batch: Batch, token: str, lines: Sequence[Line], now: float) -> int:
    """Makes the lines after the cursor into clips, and moves the cursor behind them. Returns how
    many clips there are now; adds nothing where the lease was lost, the batch was cancelled, or the
    cursor is not before the first of the lines.

    Workers take these lines in order of service, voice and length, so that what they compute
    together is alike.
    """
    credits.lock_account(session, batch.user_id)
    locked = _held(session, batch.id, token)
    if locked is None or locked.state != BatchState.RUNNING:
        return 0
    if locked.cursor != lines[0].number - 1:
        return 0
    rows = [_row(locked, line, line.content, now) for line in lines if _is_clip(line)]
    failures = [
        {
            "batch_id": locked.id,
            "line_no": line.number,
            "line_id": line.id,
            "code": line.content.code,
            "message": line.content.message,
            "field": line.content.field,
        }
        for line in lines
        if isinstance(line.content, Rejection)
    ]
    if rows:
        _take_turns(session, locked.user_id, rows)
        session.execute(insert(Clip), rows)
        notices.tell(session, notices.LINE)
    if failures:
        session.execute(insert(BatchFailure), failures)
    locked.cursor = lines[-1].number
    locked.waiting -= len(lines)
    locked.pending += len(rows)
    locked.failed += len(failures)
    locked.held -= len(lines) * locked.line_credits
    locked.released += len(failures) * locked.line_credits
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


def cancel(session: Session, user_id: str, batch_id: str) -> Batch:
    """Cancels what is not yet a clip, and releases its hold. `cancel_unstarted` does the rest."""
    batch = get(session, user_id, batch_id, lock=True)
    if batch.state == BatchState.RUNNING:
        batch.state = BatchState.CANCELLING
        batch.cancelled += batch.waiting
        batch.released += batch.held
        batch.waiting = batch.held = 0
        session.flush()
    return batch


def cancel_unstarted(session: Session, batch_id: str, now: float) -> int:
    """Cancels the next pending clips of a batch that no worker holds; returns how many. What is
    under way runs to its end, and is charged.

    It is `queue.transition` for many clips in four statements.
    """
    unheld = (
        select(Clip.id)
        .where(Clip.batch_id == batch_id, PENDING, Clip.lease.is_(None))
        .limit(_CANCELLED_AT_ONCE)
        .with_for_update(skip_locked=True, key_share=True)
    )
    ended = (
        update(Clip)
        .where(Clip.id.in_(unheld))
        .values(failed=True, error_code=CANCELLED, error=_MESSAGE, finished_at=now, ready=False)
        .returning(Clip.id, Clip.credits)
    )
    found = session.execute(ended, execution_options={"synchronize_session": False}).all()
    prices = {clip_id: price for clip_id, price in found}  # noqa: C416
    events.record_each(session, Kind.CANCELLED, {clip_id: {} for clip_id in prices}, now)
    counted = (
        update(Batch)
        .where(Batch.id == batch_id)
        .values(
            pending=Batch.pending - len(prices),
            cancelled=Batch.cancelled + len(prices),
            released=Batch.released + sum(prices.values()),
        )
    )
    if prices:
        session.execute(counted, execution_options={"synchronize_session": False})
    return len(prices)


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
    locked = _held(session, batch.id, token)
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
    session.execute(insert(Clip), rows)
    locked.failed -= len(rows)
    locked.pending += len(rows)
    locked.released -= cost
    locked.delivered = min(locked.delivered, first - 1)
    locked.state, locked.finished_at = BatchState.RUNNING, None
    session.flush()
    return len(rows)


def _again(clip: Clip) -> NewClip:
    return NewClip(
        clip.service, clip.text, clip.voice, clip.original_voice_s3_key, clip.options, clip.credits
    )


def finish(session: Session, batch_id: str, token: str, now: float) -> bool:
    """Ends a batch all of whose lines have ended. False while they have not, or if the lease was
    lost."""
    batch = _held(session, batch_id, token)
    if batch is None or batch.waiting or batch.pending:
        return False
    cancelled = batch.state in (BatchState.CANCELLING, BatchState.CANCELLED)
    batch.state = BatchState.CANCELLED if cancelled else BatchState.FINISHED
    batch.finished_at = now
    batch.lease = batch.lease_until = None
    session.flush()
    return True


def running(session: Session, batch: Batch) -> int:
    """How many clips of the batch workers hold. At most a window is looked through."""
    held = select(func.count()).where(
        PENDING, Clip.user_id == batch.user_id, Clip.lane == BULK, Clip.batch_id == batch.id
    )
    return int(session.scalars(held.where(Clip.lease.is_not(None))).one())


def ended_after(session: Session, batch: Batch, limit: int) -> tuple[int, Sequence[Clip]]:
    """The line, at most `limit` after the last delivered one, up to which all lines have ended; and
    the clips that became of these lines, in order. A line whose clip was deleted has ended."""
    of_batch = and_(Clip.batch_id == batch.id, Clip.line_no > batch.delivered)
    pending = select(Clip.line_no).where(of_batch, PENDING).order_by(Clip.line_no).limit(1)
    first = session.scalars(pending).one_or_none()
    last = min(batch.cursor if first is None else first - 1, batch.delivered + limit)
    ended = select(Clip).where(of_batch, Clip.line_no <= last).order_by(Clip.line_no)
    return last, session.scalars(ended).all()


def failures_after(
    session: Session, batch_id: str, after: int, limit: int
) -> Sequence[BatchFailure]:
    """The next lines that failed before they became clips."""
    query = select(BatchFailure).where(
        BatchFailure.batch_id == batch_id, BatchFailure.line_no > after
    )
    return session.scalars(query.order_by(BatchFailure.line_no).limit(limit)).all()


def deliver(session: Session, batch_id: str, token: str, line: int) -> bool:
    """Records that the results up to `line` are written. False if the lease was lost."""
    batch = _held(session, batch_id, token)
    if batch is None:
        return False
    batch.delivered = line
    return True


def _held(session: Session, batch_id: str, token: str) -> Batch | None:
    """The locked batch, if `token` holds it."""
    return session.scalars(
        select(Batch).where(Batch.id == batch_id, Batch.lease == token).with_for_update(),
        execution_options={"populate_existing": True},
    ).one_or_none()


def result_rows(session: Session, batch_id: str, first: int, last: int) -> Sequence[Any]:
    """What results tell of the clips of lines `first` to `last`, in order, without texts."""
    query = select(
        Clip.line_no,
        Clip.line_id,
        Clip.id,
        Clip.service,
        Clip.s3_key,
        Clip.failed,
        Clip.error_code,
        Clip.error,
        Clip.bytes,
        Clip.audio_seconds,
        Clip.credits,
        Clip.attempts,
        Clip.timings,
        Clip.options,
    ).where(Clip.batch_id == batch_id, Clip.line_no.between(first, last))
    return session.execute(query.order_by(Clip.line_no)).all()
