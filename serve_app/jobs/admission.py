"""Admission to the queue: its bounds, the turn of a new clip, and the position of a pending one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import (
    ColumnExpressionArgument,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    func,
    not_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session

from serve_app.db.models import INTERACTIVE, PENDING, Clip
from serve_app.errors import ApiError
from serve_app.settings import QueueSettings

MAX_POSITION = 1_000
"""Clips ahead are counted up to this many."""
_USER_RETRY_SECONDS = 20
_FULL_RETRY_SECONDS = 10


_USER, _LANE = bindparam("user", type_=String), bindparam("lane", type_=Integer)


def _number(*conditions: ColumnExpressionArgument[bool]) -> Select[int]:
    """Of pending clips of a lane, up to `limit`, so that a longer queue costs no more."""
    limit = bindparam("limit", type_=Integer)
    found = select(Clip.id).where(PENDING, Clip.lane == _LANE, *conditions).limit(limit)
    return select(func.count()).select_from(found.subquery())


def _turns() -> Select[int, int | None]:
    """The turn of a lane that is being served, and that of a user's newest clip there."""
    in_lane = and_(PENDING, Clip.lane == _LANE)
    line = select(func.min(Clip.turn)).where(in_lane)
    served = func.coalesce(
        line.where(Clip.ready).scalar_subquery(),
        line.where(not_(Clip.ready)).scalar_subquery(),
        0,
    )
    own = select(func.max(Clip.turn)).where(in_lane, Clip.user_id == _USER).scalar_subquery()
    return select(served, own)


# Built once: building a statement costs more than running it.
_OF_ALL, _OF_USER = _number(), _number(Clip.user_id == _USER)
_PLACE = tuple_(bindparam("turn", type_=Integer), bindparam("clip", type_=String))
_BEFORE = _number(Clip.ready, tuple_(Clip.turn, Clip.id) < _PLACE)
_TURNS = _turns()


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
    of_user = {"user": user_id, "lane": INTERACTIVE, "limit": settings.max_pending_of_user}
    own = session.scalars(_OF_USER, of_user).one()
    if own >= settings.max_pending_of_user:
        message = f"You have {own} clips waiting, which is as many as one may. Wait for some."
        raise ApiError(429, "too_many_clips", message, retry_after=_USER_RETRY_SECONDS)
    of_all = {"lane": INTERACTIVE, "limit": settings.max_pending}
    if session.scalars(_OF_ALL, of_all).one() >= settings.max_pending:
        message = "The queue is full. Try again in a while."
        raise ApiError(429, "queue_full", message, retry_after=_FULL_RETRY_SECONDS)


def next_turn(session: Session, user_id: str, lane: int = INTERACTIVE) -> int:
    """The turn of a locked user's next clip in a lane (start-time fair queuing).

    A lane is served in order of turns. A user's clips take successive turns from the one being
    served, so users alternate however many clips each has submitted. A user without pending clips
    starts at the turn being served: no credit for idle time, no debt for past use.
    """
    now_served, newest = session.execute(_TURNS, {"user": user_id, "lane": lane}).one()
    return int(now_served) if newest is None else max(int(now_served), int(newest) + 1)


def position(session: Session, clip: Clip) -> int:
    """How many ready clips of its lane have an earlier turn than a pending one, up to
    `MAX_POSITION`."""
    place = {"lane": clip.lane, "turn": clip.turn, "clip": clip.id, "limit": MAX_POSITION}
    return session.scalars(_BEFORE, place).one()


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
