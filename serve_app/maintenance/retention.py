"""Removal of expired rows, in bounded batches, oldest first.

Each function returns how many rows it has dealt with: fewer than `limit` if no more are due. What
is due is a common table expression: PostgreSQL may run a subquery with a limit once for each row.
"""

from __future__ import annotations

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from serve_app.db.models import AuthAttempt, Batch, Clip, ClipEvent, SignInSession


def expire_clips(session: Session, before: float, now: float, limit: int) -> int:
    """Deletes, as their users could, the clips that were finished before a time. Their objects and
    rows are then removed like those of all deleted clips."""
    due = session.scalars(
        select(Clip.id)
        .where(Clip.finished_at < before, Clip.deleted_at.is_(None))
        .order_by(Clip.finished_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    ).all()
    deleted = update(Clip).where(Clip.id.in_(due)).values(deleted_at=now, idempotency_key=None)
    session.execute(deleted)
    return len(due)


def purge_batches(session: Session, before: float, limit: int) -> int:
    """Removes batches that ended before a time and have no clips any more, with what their other
    lines failed of."""
    with_clips = select(Clip.id).where(Clip.batch_id == Batch.id).exists()
    due = (
        select(Batch.id)
        .where(Batch.finished_at < before, ~with_clips)
        .order_by(Batch.finished_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    removed = delete(Batch).where(Batch.id.in_(select(due.c.id))).returning(Batch.id)
    return len(session.scalars(removed).all())


def purge_events(session: Session, before: float, limit: int) -> int:
    """Removes events recorded before a time, of clips that have ended."""
    due = (
        select(ClipEvent.clip_id, ClipEvent.seq)
        .join(Clip, Clip.id == ClipEvent.clip_id)
        .where(ClipEvent.at < before, Clip.finished_at.is_not(None))
        .order_by(ClipEvent.at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=ClipEvent)
        .cte("due")
    )
    old = tuple_(ClipEvent.clip_id, ClipEvent.seq).in_(select(due.c.clip_id, due.c.seq))
    return len(session.scalars(delete(ClipEvent).where(old).returning(ClipEvent.seq)).all())


def purge_sessions(session: Session, now: float, limit: int) -> int:
    """Removes expired sessions."""
    return _purge(session, SignInSession, SignInSession.expires_at, now, limit)


def purge_auth_attempts(session: Session, before: float, limit: int) -> int:
    """Removes attempts to sign in or up from before a time."""
    return _purge(session, AuthAttempt, AuthAttempt.at, before, limit)


def _purge(
    session: Session,
    table: type[SignInSession | AuthAttempt],
    time: InstrumentedAttribute[float],
    until: float,
    limit: int,
) -> int:
    """Removes rows whose `time` is not after `until`."""
    due = (
        select(table.id)
        .where(time <= until)
        .order_by(time)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    removed = delete(table).where(table.id.in_(select(due.c.id))).returning(table.id)
    return len(session.scalars(removed).all())
