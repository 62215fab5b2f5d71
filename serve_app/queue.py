"""The queue: the pending rows of the clips table.

A pending clip is throttled or backing off (until `start_at`), in line (`ready`), or held by a
worker (until `lease_until`). A claim first lines up the clips whose time has come and then takes
the one with the lowest turn, so its cost depends neither on how many clips wait for their time
nor on how many are finished. All times are by the database's clock.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, case, func, not_, or_, select, tuple_, update
from sqlalchemy.orm import Session

from serve_app import credits, events, throttle
from serve_app.db.models import PENDING, RETURNS_AT, Clip, ClipState, User
from serve_app.events import Kind
from serve_app.settings import Settings

_LINE_UP_AT_ONCE = 100
POSITIONS = 1_000
"""Clips ahead are counted up to this many."""


@dataclass(frozen=True, slots=True)
class QueueRules:
    """The settings that the queue goes by."""

    throttle_starts: int
    throttle_window_seconds: float
    lease_seconds: float
    max_attempts: int
    retry_backoff_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> QueueRules:
        return cls(
            throttle_starts=settings.throttle_starts,
            throttle_window_seconds=settings.throttle_window_seconds,
            lease_seconds=settings.lease_seconds,
            max_attempts=settings.max_attempts,
            retry_backoff_seconds=settings.retry_backoff_seconds,
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a clip until `until`. `clip` is the row as it was when claimed."""

    clip: Clip
    token: str
    until: float
    started: int
    """The number of the event of this start, which names the try: numbers of tries repeat where one
    did not count."""


@dataclass(frozen=True, slots=True)
class QueueStats:
    """`depth` counts the clips of each service that could start and wait for a worker."""

    depth: dict[str, int]
    oldest_age_seconds: float
    """How long the first of them could have started."""
    running: int


def transition(
    session: Session,
    clip: Clip,
    to: ClipState,
    now: float,
    *,
    s3_key: str | None = None,
    code: str | None = None,
    message: str | None = None,
) -> None:
    """Every change of a clip's state: once, from pending, on a locked row.

    Success takes `s3_key` and charges the clip; failure and cancellation take `code` and `message`.
    Raises ValueError for a clip that is not pending any more, and for a return to pending.
    """
    if clip.state is not ClipState.PENDING or to is ClipState.PENDING:
        raise ValueError(f"clip {clip.id} cannot go from {clip.state} to {to}")
    if to is ClipState.SUCCEEDED:
        clip.s3_key = s3_key
        credits.capture(session, clip, now)
    else:
        clip.failed = True
        clip.error_code = code
        clip.error = message
    clip.finished_at = now
    _let_go(clip, ready=False)
    events.record(session, clip.id, events.END_OF[to], _outcome(clip), now)


def claim(session: Session, rules: QueueRules, now: float) -> Claim | None:
    """The next due clip, held for `rules.lease_seconds`, or None.

    Fails the clips it meets whose last try was lost with its worker, and sends back those whose
    user has had all starts of the window. It waits for no lock: clips of a user whose row another
    transaction holds are passed over, so after None one asks again at the next poll.
    """
    _line_up(session, now)
    while (found := _first_in_line(session)) is not None:
        clip, user = found
        if clip.attempts >= rules.max_attempts:
            message = f"The worker was lost in mid-clip; none of {clip.attempts} tries is left."
            transition(session, clip, ClipState.FAILED, now, code="worker_lost", message=message)
        elif clip.started_at is None and not throttle.may_start(user, rules, now):
            clip.ready = False
            clip.start_at = throttle.plan(session, user, rules, now, moving=clip)
        else:
            return _lease(session, clip, user, rules, now)
        session.flush()
    return None


def renew(session: Session, clip_id: str, token: str, now: float, seconds: float) -> bool:
    """Hold the clip for `seconds` more. False: lost, cancelled or deleted; the worker must stop."""
    clip = _held(session, clip_id, token)
    if clip is None:
        return False
    clip.ready = False
    clip.lease_until = now + seconds
    return True


def still_wanted(session: Session, claims: Collection[Claim]) -> set[str]:
    """Which of these claims, by token, are held still or have led to their clip's success. The
    others were cancelled, deleted or lost, and their work may stop. One query, which locks nothing.
    """
    tokens = {claim.clip.id: claim.token for claim in claims}
    rows = session.execute(
        select(Clip.id, Clip.lease).where(
            Clip.id.in_(tokens),
            or_(and_(PENDING, Clip.lease.in_(tokens.values())), Clip.s3_key.is_not(None)),
        )
    )
    return {lease or tokens[clip_id] for clip_id, lease in rows}


def report(
    session: Session, clip_id: str, token: str, kind: Kind, data: dict[str, Any], now: float
) -> bool:
    """Record an event of the work under way. False if the lease was lost; then nothing is."""
    if _held(session, clip_id, token) is None:
        return False
    events.record(session, clip_id, kind, data, now)
    return True


def release(session: Session, clip_id: str, token: str, now: float) -> None:
    """Give the clip back, to its place in line; the attempt does not count."""
    clip = _held(session, clip_id, token)
    if clip is not None:
        clip.attempts -= 1
        _let_go(clip, ready=True)
        events.record(session, clip.id, Kind.POSTPONED, {"start_at": clip.start_at}, now)


def release_abandoned(session: Session, clip_id: str, before: float) -> bool:
    """Free a clip whose lease ran out before `before`, or that has ended. One that is pending goes
    back into line, and the try that was lost counts. False if it is not so."""
    clip = session.scalars(
        select(Clip).where(Clip.id == clip_id).with_for_update(key_share=True),
        execution_options={"populate_existing": True},
    ).one_or_none()
    if clip is None:
        return False
    pending = clip.state is ClipState.PENDING
    if pending and (clip.lease_until is None or clip.lease_until >= before):
        return False
    _let_go(clip, ready=pending)
    return True


def retry_or_fail(
    session: Session,
    clip_id: str,
    token: str,
    code: str,
    message: str,
    rules: QueueRules,
    now: float,
) -> ClipState | None:
    """Try again after a wait that doubles each time, or fail the clip if no try is left.

    Its state after that, or None if the lease was lost.
    """
    clip = _held(session, clip_id, token)
    if clip is None:
        return None
    if clip.attempts >= rules.max_attempts:
        transition(session, clip, ClipState.FAILED, now, code=code, message=message)
    else:
        clip.start_at = now + rules.retry_backoff_seconds * 2 ** (clip.attempts - 1)
        _let_go(clip, ready=False)
        data = {"attempt": clip.attempts, "code": code, "start_at": clip.start_at}
        events.record(session, clip.id, Kind.RETRYING, data, now)
    return clip.state


def postpone(session: Session, clip_id: str, token: str, until: float, now: float) -> None:
    """Give the clip back for a later time, for what is no fault of its own; the try is not
    counted. Does nothing if the lease was lost."""
    clip = _held(session, clip_id, token)
    if clip is not None:
        clip.attempts -= 1
        clip.start_at = until
        _let_go(clip, ready=False)
        events.record(session, clip.id, Kind.POSTPONED, {"start_at": until}, now)


def fail(session: Session, clip_id: str, token: str, code: str, message: str, now: float) -> bool:
    """Fail the clip at once, for what no retry can mend. False if the lease was lost."""
    clip = _held(session, clip_id, token)
    if clip is None:
        return False
    transition(session, clip, ClipState.FAILED, now, code=code, message=message)
    return True


def succeed(
    session: Session,
    clip_id: str,
    token: str,
    s3_key: str,
    size: int,
    audio_seconds: float,
    timings: dict[str, Any],
    now: float,
) -> bool:
    """Record the result of `size` bytes and charge the clip, in this one transaction.

    False if the lease was lost; then another holder may have stored its result under the same key.
    """
    clip = _held(session, clip_id, token)
    if clip is None:
        return False
    clip.bytes = size
    clip.audio_seconds = audio_seconds
    clip.timings = timings
    transition(session, clip, ClipState.SUCCEEDED, now, s3_key=s3_key)
    return True


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


def position(session: Session, clip: Clip) -> int:
    """How many clips stand in line before a pending one; `POSITIONS` stands for more, too."""
    ahead = (
        select(Clip.id)
        .where(PENDING, Clip.ready, tuple_(Clip.turn, Clip.id) < tuple_(clip.turn, clip.id))
        .limit(POSITIONS)
    )
    return int(session.scalars(select(func.count()).select_from(ahead.subquery())).one())


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


def _line_up(session: Session, now: float) -> None:
    due = session.scalars(
        select(Clip.id)
        .where(PENDING, not_(Clip.ready), now >= RETURNS_AT)
        .order_by(RETURNS_AT)
        .limit(_LINE_UP_AT_ONCE)
        .with_for_update(skip_locked=True, key_share=True)
    ).all()
    if due:
        session.execute(update(Clip).where(Clip.id.in_(due)).values(ready=True))


def _first_in_line(session: Session) -> tuple[Clip, User] | None:
    # The user is locked with the clip, so that two claims cannot both count the same starts.
    row = session.execute(
        select(Clip, User)
        .join(User, User.id == Clip.user_id)
        .where(PENDING, Clip.ready)
        .order_by(Clip.turn, Clip.id)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True),
        execution_options={"populate_existing": True},
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def _lease(session: Session, clip: Clip, user: User, rules: QueueRules, now: float) -> Claim:
    if clip.started_at is None:
        clip.started_at = now
        throttle.record_start(user, rules, now)
    token, until = secrets.token_hex(16), now + rules.lease_seconds
    clip.ready = False
    clip.attempts += 1
    clip.lease, clip.lease_until = token, until
    session.flush()
    started = events.record(session, clip.id, Kind.STARTED, {"attempt": clip.attempts}, now)
    return Claim(clip, token, until, started)


def _outcome(clip: Clip) -> dict[str, Any]:
    """What the last event of a clip tells."""
    if clip.state is ClipState.SUCCEEDED:
        return {"seconds": clip.audio_seconds, "bytes": clip.bytes}
    if clip.state is ClipState.FAILED:
        return {"code": clip.error_code, "message": clip.error}
    return {}


def _let_go(clip: Clip, ready: bool) -> None:
    clip.lease = clip.lease_until = None
    clip.ready = ready


def _held(session: Session, clip_id: str, token: str) -> Clip | None:
    """The locked clip if `token` still holds it. A lease that ran out counts until it is taken."""
    return session.scalars(
        select(Clip)
        .where(Clip.id == clip_id, Clip.lease == token, PENDING)
        .with_for_update(key_share=True),
        execution_options={"populate_existing": True},
    ).one_or_none()
