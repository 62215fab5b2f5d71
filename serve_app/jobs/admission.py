"""Admission to the queue: its bounds, the turn of a new clip, and the position of a pending one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, func, not_, select, tuple_
from sqlalchemy.orm import Session

from serve_app.db.models import INTERACTIVE, PENDING, Clip
from serve_app.errors import ApiError
from serve_app.settings import QueueSettings

MAX_POSITION = 1_000
"""Clips ahead are counted up to this many."""
_USER_RETRY_SECONDS = 20
_FULL_RETRY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class QueueStats:
    """`depth`: the clips of each service that could start and wait for a worker."""

    depth: dict[str, int]
    oldest_age_seconds: float
    """Seconds since the first of them could have started."""
    running: int


def require_room(session: Session, user_id: str, settings: QueueSettings) -> None:
    """Raises ApiError 429 `too_many_clips` where a locked user has `max_pending_of_user` pending
    clips, and 429 `queue_full` where all users together have `max_pending`. Concurrent submissions
    may exceed the second bound by a few. Clips of batches have bounds of their own."""
    in_lane = and_(PENDING, Clip.lane == INTERACTIVE)
    own = _count(session, in_lane, Clip.user_id == user_id, limit=settings.max_pending_of_user)
    if own >= settings.max_pending_of_user:
        message = f"You have {own} clips waiting, which is as many as one may. Wait for some."
        raise ApiError(429, "too_many_clips", message, retry_after=_USER_RETRY_SECONDS)
    if _count(session, in_lane, limit=settings.max_pending) >= settings.max_pending:
        message = "The queue is full. Try again in a while."
        raise ApiError(429, "queue_full", message, retry_after=_FULL_RETRY_SECONDS)


def _count(session: Session, *conditions: ColumnElement[bool], limit: int) -> int:
    """The number of clips, up to `limit`, so that a longer queue costs no more."""
    found = select(Clip.id).where(*conditions).limit(limit)
    return int(session.scalars(select(func.count()).select_from(found.subquery())).one())


def next_turn(session: Session, user_id: str, lane: int = INTERACTIVE) -> int:
    """The turn of a locked user's next clip in a lane (start-time fair queuing).

    A lane is served in order of turns. A user's clips take successive turns from the one being
    served, so users alternate however many clips each has submitted. A user without pending clips
    starts at the turn being served: no credit for idle time, no debt for past use.
    """
    in_lane = and_(PENDING, Clip.lane == lane)
    line = select(func.min(Clip.turn)).where(in_lane)
    served = func.coalesce(
        line.where(Clip.ready).scalar_subquery(),
        line.where(not_(Clip.ready)).scalar_subquery(),
        0,
    )
    own = select(func.max(Clip.turn)).where(in_lane, Clip.user_id == user_id).scalar_subquery()
    now_served, newest = session.execute(select(served, own)).one()
    return int(now_served) if newest is None else max(int(now_served), int(newest) + 1)


def position(session: Session, clip: Clip) -> int:
    """How many ready clips of its lane have an earlier turn than a pending one, up to
    `MAX_POSITION`."""
    before = and_(Clip.lane == clip.lane, tuple_(Clip.turn, Clip.id) < tuple_(clip.turn, clip.id))
    return _count(session, PENDING, and_(Clip.ready, before), limit=MAX_POSITION)


def stats(session: Session, now: float) -> QueueStats:
    """The queue at this time, without the lines of batches, for which nobody waits."""
    held = func.coalesce(Clip.lease_until, now) > now
    waiting = and_(not_(held), Clip.start_at <= now)
    rows = session.execute(
        select(
            Clip.service,
            func.count(case((waiting, 1))),
            func.count(case((held, 1))),
            func.min(case((waiting, Clip.start_at))),
        )
        .where(PENDING, Clip.lane == INTERACTIVE)
        .group_by(Clip.service)
    ).all()
    return QueueStats(
        depth={service: depth for service, depth, _, _ in rows},
        oldest_age_seconds=max((now - first for *_, first in rows if first is not None), default=0),
        running=sum(running for _, _, running, _ in rows),
    )
