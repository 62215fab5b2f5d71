"""Cancelling a batch: what was not begun ends, what is under way goes on."""

from __future__ import annotations

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from serve_app.db.models import CANCELLED, PENDING, Batch, BatchState, Clip
from serve_app.jobs import events, queue
from serve_app.jobs.events import Kind
from serve_app.media.batches.records import get

_CANCELLED_AT_ONCE = 200
_MESSAGE = "The batch was cancelled."
EXPIRED = "batch_expired"


def cancel(session: Session, user_id: str, batch_id: str) -> Batch:
    """Cancels what is not yet a clip, and releases its hold. `cancel_unstarted` does the rest."""
    batch = get(session, user_id, batch_id, lock=True)
    end_early(session, batch)
    return batch


def end_early(
    session: Session, batch: Batch, code: str | None = None, message: str | None = None
) -> None:
    """The same for a locked batch, with the reason where it is not its user's wish."""
    if batch.state not in (BatchState.VALIDATING, BatchState.RUNNING):
        return
    batch.state = BatchState.CANCELLING
    batch.error_code, batch.error = code, message
    batch.cancelled += batch.waiting
    batch.released += batch.held
    batch.waiting = batch.held = 0
    session.flush()


def expire(session: Session, batch: Batch, now: float) -> None:
    """Ends a locked batch whose time is over."""
    if batch.expires_at is not None and batch.expires_at <= now:
        end_early(session, batch, EXPIRED, "The batch was not done in its time.")


def cancel_unstarted(session: Session, batch_id: str, now: float) -> int:
    """Cancels the next pending clips of a batch that no worker holds; returns how many. What is
    under way runs to its end, and is charged.

    It is `queue.transition` for many clips in four statements.
    """
    left = case((Clip.started_at.is_not(None), func.coalesce(Clip.made_by, queue.SOMEBODY)))
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
        .values(made_by=left)
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
