"""The line of pending clips: whose turn it is, how long it is, and when it is full."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, case, func, not_, select, tuple_
from sqlalchemy.orm import Session

from serve_app.db.models import PENDING, Clip

POSITIONS = 1_000
"""Clips ahead are counted up to this many."""


@dataclass(frozen=True, slots=True)
class QueueStats:
    """`depth` counts the clips of each service that could start and wait for a worker."""

    depth: dict[str, int]
    oldest_age_seconds: float
    """How long the first of them could have started."""
    running: int


def next_turn(session: Session, user_id: str) -> int:
    """The turn of a locked user's next clip (start-time fair queuing).

    The line is served in order of turns. A user's clips take successive turns, from the one
    being served on, so users alternate however many clips each has submitted. Who has
    nothing pending starts at the turn being served: no credit for past rest, no debt for past use.
    """
    line = select(func.min(Clip.turn)).where(PENDING)
    served = func.coalesce(
        line.where(Clip.ready).scalar_subquery(),
        line.where(not_(Clip.ready)).scalar_subquery(),
        0,
    )
    own = select(func.max(Clip.turn)).where(PENDING, Clip.user_id == user_id).scalar_subquery()
    now_served, newest = session.execute(select(served, own)).one()
    return int(now_served) if newest is None else max(int(now_served), int(newest) + 1)


def position(session: Session, clip: Clip) -> int:
    """How many clips stand in line before a pending one; `POSITIONS` stands for more, too."""
    ahead = (
        select(Clip.id)
        .where(PENDING, Clip.ready, tuple_(Clip.turn, Clip.id) < tuple_(clip.turn, clip.id))
        .limit(POSITIONS)
    )
    return int(session.scalars(select(func.count()).select_from(ahead.subquery())).one())


def stats(session: Session, now: float) -> QueueStats:
    """The queue as it is now."""
    held = func.coalesce(Clip.lease_until, now) > now
    waiting = and_(not_(held), Clip.start_at <= now)
    rows = session.execute(
        select(
            Clip.service,
            func.count(case((waiting, 1))),
            func.count(case((held, 1))),
            func.min(case((waiting, Clip.start_at))),
        )
        .where(PENDING)
        .group_by(Clip.service)
    ).all()
    return QueueStats(
        depth={service: depth for service, depth, _, _ in rows},
        oldest_age_seconds=max((now - first for *_, first in rows if first is not None), default=0),
        running=sum(running for _, _, running, _ in rows),
    )
