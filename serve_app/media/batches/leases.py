"""The lease of a batch: the one feeder that may work on it."""

from __future__ import annotations

import secrets

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from serve_app.db.models import Batch, BatchState, Clip


def take(session: Session, batch_id: str, seconds: float, now: float) -> str | None:
    """Leases the batch to a new feeder: its token, or None while another has it."""
    token = secrets.token_hex(16)
    free = or_(Batch.lease.is_(None), Batch.lease_until < now)
    batch = _locked(session, Batch.id == batch_id, free)
    if batch is None:
        return None
    batch.paused_seconds += _pause(session, batch, now)
    batch.lease, batch.lease_until = token, now + seconds
    session.flush()
    return token


def _pause(session: Session, batch: Batch, now: float) -> float:
    """Seconds since an earlier feeder left the batch in which no line of it ended either: those
    that it leaves in the queue are made without it. They are all behind the delivered ones."""
    if batch.lease_until is None:
        return 0.0
    undelivered = (Clip.batch_id == batch.id, Clip.line_no > batch.delivered)
    last = session.scalars(select(func.max(Clip.finished_at)).where(*undelivered)).one()
    return max(now - max(batch.lease_until, last or 0.0), 0.0)


def renew(session: Session, batch_id: str, token: str, seconds: float, now: float) -> Batch | None:
    """Holds the lease for `seconds` more. The locked batch, or None if the lease was lost."""
    batch = held(session, batch_id, token)
    if batch is not None:
        batch.lease_until = now + seconds
    return batch


def let_go(session: Session, batch_id: str, token: str, now: float) -> None:
    """Ends the lease, if it is held still."""
    if (batch := held(session, batch_id, token)) is not None:
        release(batch, now)


def release(batch: Batch, now: float) -> None:
    """Ends the lease of a locked batch."""
    batch.lease, batch.lease_until = None, now


def finish(session: Session, batch_id: str, token: str, now: float) -> bool:
    """Ends a batch all of whose lines have ended. False while they have not, or if the lease was
    lost."""
    batch = held(session, batch_id, token)
    if batch is None or batch.waiting or batch.pending:
        return False
    cancelled = batch.state in (BatchState.CANCELLING, BatchState.CANCELLED)
    batch.state = BatchState.CANCELLED if cancelled else BatchState.FINISHED
    batch.finished_at = now
    release(batch, now)
    session.flush()
    return True


def held(session: Session, batch_id: str, token: str) -> Batch | None:
    """The locked batch, if `token` holds it."""
    return _locked(session, Batch.id == batch_id, Batch.lease == token)


def _locked(session: Session, *conditions: ColumnElement[bool]) -> Batch | None:
    return session.scalars(
        select(Batch).where(*conditions).with_for_update(),
        execution_options={"populate_existing": True},
    ).one_or_none()
