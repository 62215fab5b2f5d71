"""Claims: leases on the next ready clips.

The claims of all workers compete with everything else for the processors under load. A claim
therefore takes a handful of statements, however many clips it takes, and loads only those that it
leases.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import (
    JSON,
    Float,
    Integer,
    Select,
    String,
    Table,
    bindparam,
    case,
    func,
    not_,
    select,
    update,
)
from sqlalchemy.orm import Session

from serve_app.db.json_values import value_of
from serve_app.db.models import BULK, INTERACTIVE, PENDING, RETURNS_AT, Clip, ClipState, User
from serve_app.jobs import events, queue, throttle
from serve_app.jobs.events import Kind
from serve_app.jobs.queue import Claim
from serve_app.settings import QueueSettings

_MARK_READY_BATCH_SIZE = 100
_ROUNDS = 20
"""Looks at the line for one claim: many users in it may have had their starts."""
_MOVED_AT_ONCE = 500
"""Clips that one claim sends back, or those of one user where these are more."""
_REFRESH = {"populate_existing": True, "synchronize_session": False}

# Built once: building a statement costs more than the database takes to run it.
_MARK_READY = (
    update(Clip)
    .where(
        Clip.id.in_(
            select(Clip.id)
            .where(PENDING, not_(Clip.ready), bindparam("now", type_=Float) >= RETURNS_AT)
            .order_by(RETURNS_AT)
            .limit(_MARK_READY_BATCH_SIZE)
            .with_for_update(skip_locked=True, key_share=True)
        )
    )
    .values(ready=True)
)
# The user's row is locked too, so that two claims cannot both count the same starts.
_NEXT_READY = (
    select(
        *(Clip.id, Clip.user_id, Clip.lease, Clip.losses, Clip.started_at),
        *(User.starts, User.throttle_starts),
    )
    .join(User, User.id == Clip.user_id)
    .where(PENDING, Clip.ready, Clip.lane == INTERACTIVE)
    .order_by(Clip.turn, Clip.id)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True, key_share=True)
)
# Nothing limits the starts of bulk clips, so their users' rows, which every charge locks, are left
# alone.
_NEXT_BULK = (
    select(Clip.id, Clip.user_id, Clip.lease, Clip.losses, Clip.started_at)
    .where(PENDING, Clip.ready, Clip.lane == BULK)
    .order_by(Clip.turn, Clip.id)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True, key_share=True)
)
_NO_SUSPECTS = (Clip.losses == 0, Clip.lease.is_(None))
_NEXT: dict[tuple[int, bool], Select[*tuple[Any, ...]]] = {
    (INTERACTIVE, True): _NEXT_READY,
    (INTERACTIVE, False): _NEXT_READY.where(*_NO_SUSPECTS),
    (BULK, True): _NEXT_BULK,
    (BULK, False): _NEXT_BULK.where(*_NO_SUSPECTS),
}
_LEASE = (
    update(Clip)
    .where(Clip.id.in_(bindparam("ids", expanding=True)))
    .values(
        ready=False,
        attempts=Clip.attempts + 1,
        losses=Clip.losses + case((Clip.lease.is_not(None), 1), else_=0),
        # Half of the token is the claim's and half the clip's, so each is unique.
        lease=bindparam("token", type_=String) + func.substr(Clip.id, 17),
        lease_until=bindparam("until", type_=Float),
        maker=bindparam("maker", type_=String),
        started_at=func.coalesce(Clip.started_at, bindparam("now", type_=Float)),
    )
    .returning(Clip)
)
_LEFT = select(
    select(Clip.id)
    .where(PENDING, Clip.ready, Clip.lane.in_(bindparam("lanes", expanding=True)))
    .exists(),
    select(func.min(RETURNS_AT)).where(PENDING, not_(Clip.ready)).scalar_subquery(),
)
_USERS = cast(Table, User.__table__)
_SET_STARTS = (
    update(_USERS)
    .where(_USERS.c.id.in_(bindparam("ids", expanding=True)))
    .values(starts=value_of(bindparam("times", type_=JSON), _USERS.c.id))
)


def claim(
    session: Session,
    settings: QueueSettings,
    now: float,
    limit: int = 1,
    suspects: bool = True,
    lane: int = INTERACTIVE,
    maker: str | None = None,
) -> list[Claim]:
    """Leases up to `limit` of the next ready clips of a lane for `settings.lease_seconds` each.
    `maker` is where they can be listened to.

    At most one of them is a suspect, and none without `suspects`. On its way it fails clips that
    are past `clip_seconds` or `max_losses`, and reschedules the clips of users who have had all
    starts of the throttle's window. It waits for no lock: it skips the clips of a user whose row is
    locked, so a worker that gets too few asks again at the next poll.
    """
    session.execute(_MARK_READY, {"now": now}, execution_options=_REFRESH)
    taken: list[Clip] = []
    throttled: list[str] = []
    for _ in range(_ROUNDS):
        room = limit - len(taken)
        found = _next_ready(session, lane, room, suspects, throttled)
        decisions = _decide(found, lane, suspects, settings, now)
        suspects = suspects and not decisions.suspect
        throttled += decisions.throttled
        taken += _apply(session, decisions, settings, now, maker)
        if len(found) < room or len(taken) == limit:
            break
    _send_back(session, throttled, settings, now)
    started = events.record_each(
        session, Kind.STARTED, {clip.id: {"attempt": clip.attempts} for clip in taken}, now
    )
    for clip in taken:
        queue.tell(session, clip)
    return [Claim.of(clip, started[clip.id], settings, now) for clip in taken]


def next_look(session: Session, lanes: Collection[int], now: float) -> float:
    """In how many seconds there may be clips of these lanes to claim, if nothing is told of before:
    none where some are ready, infinity where none is pending."""
    left, returns_at = session.execute(_LEFT, {"lanes": list(lanes)}).one()
    if left:
        return 0.0
    return math.inf if returns_at is None else max(0.0, returns_at - now)


@dataclass(frozen=True, slots=True)
class _ReadyClip:
    """The columns that decide about a ready clip. The clip and its user are locked."""

    id: str
    user_id: str
    lease: str | None
    losses: int
    started_at: float | None
    starts: list[float] = field(default_factory=list)
    """The starts of its user, where they count."""
    throttle_starts: int | None = None
    """How many of them the account allows."""

    @property
    def suspect(self) -> bool:
        """A ready clip with a lease was lost with its worker: nobody released it."""
        return self.losses > 0 or self.lease is not None

    def is_lost(self, settings: QueueSettings) -> bool:
        return self.lease is not None and self.losses + 1 >= settings.max_losses

    def is_overdue(self, settings: QueueSettings, now: float) -> bool:
        return self.started_at is not None and now - self.started_at >= settings.clip_seconds


@dataclass(slots=True)
class _Decisions:
    """What becomes of ready clips, by their ids."""

    taken: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    overdue: list[str] = field(default_factory=list)
    throttled: list[str] = field(default_factory=list)
    """Users who have had all starts of the window."""
    starts: dict[str, list[float]] = field(default_factory=dict)
    """Starts of the users whose clips start now for the first time."""
    suspect: bool = False
    """Whether one of the taken clips is a suspect."""

    def may_start(self, clip: _ReadyClip, settings: QueueSettings, now: float) -> bool:
        """Whether the clip's user may start one more; if so, the start is counted."""
        starts = self.starts.get(clip.user_id, clip.starts)
        own = clip.throttle_starts
        if not throttle.may_start(starts, settings, now, own):
            return False
        self.starts[clip.user_id] = throttle.with_start(starts, settings, now, own)
        return True


def _next_ready(
    session: Session, lane: int, limit: int, suspects: bool, passed_over: Sequence[str]
) -> list[_ReadyClip]:
    """The first in line, but for clips of users that are passed over."""
    query = _NEXT[lane, suspects]
    if passed_over:  # seldom, so that the usual statement need not know of it
        query = query.where(Clip.user_id.not_in(passed_over))
    return [_ReadyClip(*row) for row in session.execute(query, {"limit": limit})]


def _decide(
    found: list[_ReadyClip], lane: int, suspects: bool, settings: QueueSettings, now: float
) -> _Decisions:
    result = _Decisions()
    for clip in found:
        if clip.is_lost(settings):
            result.lost.append(clip.id)
        elif clip.is_overdue(settings, now):
            result.overdue.append(clip.id)
        elif clip.suspect and (result.suspect or not suspects):
            continue
        elif (
            lane == INTERACTIVE
            and clip.started_at is None
            and not result.may_start(clip, settings, now)
        ):
            if clip.user_id not in result.throttled:
                result.throttled.append(clip.user_id)
        else:
            result.taken.append(clip.id)
            result.suspect = result.suspect or clip.suspect
    return result


def _apply(
    session: Session,
    decisions: _Decisions,
    settings: QueueSettings,
    now: float,
    maker: str | None,
) -> list[Clip]:
    """Executes the decisions; returns the taken clips in order."""
    taken = _lease(session, decisions.taken, now, settings.lease_seconds, maker)
    _set_starts(session, decisions.starts)
    for clip in _rows(session, decisions.lost):
        clip.losses += 1
        queue.fail_lost(session, clip, now)
    for clip in _rows(session, decisions.overdue):
        clip.losses += clip.lease is not None
        message = f"The clip was not done within {settings.clip_seconds:g} s of its first start."
        queue.transition(session, clip, ClipState.FAILED, now, code=queue.TOO_LONG, message=message)
    return taken


def _send_back(
    session: Session, throttled: Sequence[str], settings: QueueSettings, now: float
) -> None:
    """Sends away what users have in line who have had all starts of the window, until enough clips
    are moved: the transaction holds the rows of all users that it has met. The rest stay in line,
    and the next claim meets them."""
    moved = 0
    for user_id in throttled:
        if moved >= _MOVED_AT_ONCE:
            return
        user = session.get_one(User, user_id, populate_existing=True)
        moved += throttle.reschedule(session, user, settings, now)


def _lease(
    session: Session, clip_ids: list[str], now: float, seconds: float, maker: str | None
) -> list[Clip]:
    if not clip_ids:
        return []
    lease = {
        "ids": clip_ids,
        "token": secrets.token_hex(8),
        "until": now + seconds,
        "now": now,
        "maker": maker,
    }
    leased = session.scalars(_LEASE, lease, execution_options=_REFRESH)
    rows = {clip.id: clip for clip in leased}
    return [rows[clip_id] for clip_id in clip_ids]


def _set_starts(session: Session, starts: Mapping[str, list[float]]) -> None:
    if starts:
        noted = {"ids": list(starts), "times": starts}
        session.connection().execute(_SET_STARTS, noted)


def _rows(session: Session, clip_ids: list[str]) -> Iterator[Clip]:
    for clip_id in clip_ids:
        yield session.get_one(Clip, clip_id, populate_existing=True)
