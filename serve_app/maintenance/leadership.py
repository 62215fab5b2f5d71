"""What only one of several workers does at a time, though any could."""

from __future__ import annotations

from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from serve_app.db.models import Leader


def lead(session: Session, duty: str, holder: str, now: float, seconds: float) -> bool:
    """Whether `holder` has the duty for `seconds` from now: it had it, or nobody has."""
    free = or_(Leader.holder == holder, Leader.until <= now)
    taken = session.execute(
        update(Leader)
        .where(Leader.duty == duty, free)
        .values(holder=holder, until=now + seconds)
        .returning(Leader.duty)
    ).all()
    if taken or session.get(Leader, duty) is not None:
        return bool(taken)
    try:
        with session.begin_nested():
            session.add(Leader(duty=duty, holder=holder, until=now + seconds))
    except IntegrityError:
        return False  # another was there first
    return True


def resign(session: Session, duty: str, holder: str) -> None:
    """Another may take over at once."""
    own = update(Leader).where(Leader.duty == duty, Leader.holder == holder)
    session.execute(own.values(until=0.0))
