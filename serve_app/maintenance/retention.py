"""Rows that have had their time, removed in batches of a bounded size, the oldest first.

Each function returns how many rows it has dealt with: fewer than `limit` if no more are due.
"""

from __future__ import annotations

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from serve_app.db.models import AuthAttempt, Clip, ClipEvent, SignInSession


def expire_clips(session: Session, before: float, now: float, limit: int) -> int:
    """Delete, as their users could, the clips that were finished before a time; their objects
    and rows then go with all that are deleted."""
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


def purge_events(session: Session, before: float, limit: int) -> int:
    """Remove the events from before a time, of clips that have ended."""
    due = (
        select(ClipEvent.clip_id, ClipEvent.seq)
        .join(Clip, Clip.id == ClipEvent.clip_id)
        .where(ClipEvent.at < before, Clip.finished_at.is_not(None))
        .order_by(ClipEvent.at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=ClipEvent)
    )
    old = tuple_(ClipEvent.clip_id, ClipEvent.seq).in_(due)
    return len(session.scalars(delete(ClipEvent).where(old).returning(ClipEvent.seq)).all())


def purge_sessions(session: Session, now: float, limit: int) -> int:
    """Remove sign-ins that are over."""
    return _purge(session, SignInSession, SignInSession.expires_at, now, limit)


def purge_auth_attempts(session: Session, before: float, limit: int) -> int:
    """Remove sign-ins that failed before a time."""
    return _purge(session, AuthAttempt, AuthAttempt.at, before, limit)


def _purge(
    session: Session,
    table: type[SignInSession | AuthAttempt],
    time: InstrumentedAttribute[float],
    until: float,
    limit: int,
) -> int:
    """Remove rows whose `time` is `until` at the latest."""
    due = (
        select(table.id)
        .where(time <= until)
        .order_by(time)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    removed = delete(table).where(table.id.in_(due)).returning(table.id)
    return len(session.scalars(removed).all())
