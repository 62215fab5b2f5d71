"""The lease of a batch: the one feeder that may work on it."""

from __future__ import annotations

import secrets

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from serve_app.db.models import Batch, BatchState


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
    batch = held(session, batch_id, token)
    if batch is not None:
        batch.lease_until = now + seconds
    return batch


def let_go(session: Session, batch_id: str, token: str) -> None:
    """Ends the lease, if it is held still."""
    if (batch := held(session, batch_id, token)) is not None:
        release(batch)


def release(batch: Batch) -> None:
    """Ends the lease of a locked batch."""
    batch.lease = batch.lease_until = None


def finish(session: Session, batch_id: str, token: str, now: float) -> bool:
    """Ends a batch all of whose lines have ended. False while they have not, or if the lease was
    lost."""
    batch = held(session, batch_id, token)
    if batch is None or batch.waiting or batch.pending:
        return False
    cancelled = batch.state in (BatchState.CANCELLING, BatchState.CANCELLED)
    batch.state = BatchState.CANCELLED if cancelled else BatchState.FINISHED
    batch.finished_at = now
    batch.lease = batch.lease_until = None
    session.flush()
    return True


def held(session: Session, batch_id: str, token: str) -> Batch | None:
    """The locked batch, if `token` holds it."""
    return session.scalars(
        select(Batch).where(Batch.id == batch_id, Batch.lease == token).with_for_update(),
        execution_options={"populate_existing": True},
    ).one_or_none()
