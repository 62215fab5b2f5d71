"""The queue: the pending rows of the clips table.

A pending clip is throttled or backing off (until `start_at`), ready to be claimed, or leased to a
worker (until `lease_until`). A claim (`claiming.py`) first marks the clips ready whose time has
come, and then leases those of a lane with the lowest turns. Its cost depends neither on the number
of clips that wait for their time nor on the number of finished ones. All times are by the
database's clock.

An attempt ends with an outcome, or it is lost: its worker, or the replica of a stage, died and took
all attempts with it that ran there. Nobody can tell which clip killed the process. Lost attempts
therefore have a bound of their own (`max_losses`), and clips with lost attempts are suspects, of
which no two run in the same worker. So a clip that kills its worker each time takes any other clip
along at most once.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from serve_app.accounts import credits
from serve_app.db import notices
from serve_app.db.models import BULK, INTERACTIVE, PENDING, Clip, ClipState
from serve_app.jobs import batch_counts, events
from serve_app.jobs.events import Kind
from serve_app.settings import QueueSettings

LOST, TOO_LONG = "worker_lost", "took_too_long"
"""Error codes of clips that fail although nothing may be wrong with them."""
SOMEBODY = "?"
"""The maker of what may be left of a clip, where it is not known."""
_HELD = (
    select(Clip)
    .where(Clip.id == bindparam("clip"), Clip.lease == bindparam("token"), PENDING)
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True, slots=True)
class Claim:
    """The lease on a clip until `until`. `clip` is the row as it was when claimed."""

    clip: Clip
    token: str
    until: float
    started: int
    """The number of the `started` event, which identifies the attempt: attempt numbers repeat where
    one did not count."""
    is_retry: bool
    """An earlier attempt has begun, and may have left something behind."""
    seconds: float
    """The time limit of this attempt."""
    at: float = field(default_factory=time.monotonic)
    """When it was claimed, by the monotonic clock of this process: the `started_at` of a first
    attempt."""

    @classmethod
    def of(cls, clip: Clip, started: int, settings: QueueSettings, now: float) -> Claim:
        """The claim of a clip that was just leased."""
        begun = clip.started_at or now
        return cls(
            clip,
            clip.lease or "",
            clip.lease_until or now,
            started,
            is_retry=begun != now,
            seconds=min(settings.attempt_seconds, begun + settings.clip_seconds - now),
        )

    @property
    def suspect(self) -> bool:
        """Whether an earlier attempt was lost."""
        return self.clip.losses > 0


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

    Success takes `s3_key` and charges the clip. Failure and cancellation take `code` and `message`.
    Raises ValueError for a clip that is not pending, and for a return to pending.
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
        lost = clip.losses > 0 or clip.lease is None or to is ClipState.CANCELLED
        if clip.lane == BULK and clip.started_at is not None and lost:
            # A line's result is stored without a checkpoint, and its worker may be dead without
            # anybody's knowing yet: what an attempt left is swept.
            clip.made_by = clip.made_by or clip.lease or SOMEBODY
    clip.finished_at = now
    clear_lease(clip, ready=False)
    events.record(session, clip.id, events.END_OF[to], _outcome(clip), now)
    batch_counts.count_end(session, clip, to)
    tell(session, clip)
    if to is ClipState.CANCELLED:
        notices.tell(session, notices.CANCELLED)


def tell(session: Session, clip: Clip) -> None:
    """Tells those who wait for the clip that something has happened to it. Nobody waits for a line
    of a batch: on PostgreSQL transactions with notices are committed one after another."""
    if clip.lane == INTERACTIVE:
        notices.tell(session, clip.id)


def renew(session: Session, claims: Collection[Claim], now: float, seconds: float) -> set[str]:
    """Hold all clips that are held still for `seconds` more, in one statement; returns their ids.

    It waits for no lock. A clip that another transaction is changing is left as it is: that may
    well be the recording of its own result, and until it ends nobody else can take the clip.
    """
    tokens = {claim.clip.id: claim.token for claim in claims}
    held = (
        select(Clip.id)
        .where(Clip.id.in_(tokens), Clip.lease.in_(tokens.values()), PENDING)
        .order_by(Clip.id)
        .with_for_update(skip_locked=True, key_share=True)
    )
    renewed = update(Clip).where(Clip.id.in_(held)).values(ready=False, lease_until=now + seconds)
    unsynchronized = {"synchronize_session": False}
    return set(session.scalars(renewed.returning(Clip.id), execution_options=unsynchronized))


def wait_for(session: Session, claim: Claim) -> bool:
    """Waits for the transaction that is changing the clip, and locks it. Whether the claim still
    holds. Raises OperationalError after the database's `lock_timeout`."""
    own = select(Clip.id).where(Clip.id == claim.clip.id, Clip.lease == claim.token, PENDING)
    return session.scalar(own.with_for_update(key_share=True)) is not None


def active_leases(session: Session, claims: Collection[Claim]) -> set[str]:
    """The tokens of those claims that still hold their lease. The others were cancelled, deleted,
    lost or have succeeded, and their work may stop. One query, without locks."""
    tokens = {claim.clip.id: claim.token for claim in claims}
    held = select(Clip.lease).where(Clip.id.in_(tokens), PENDING, Clip.lease.in_(tokens.values()))
    return {lease for lease in session.scalars(held) if lease is not None}


def report(
    session: Session, clip_id: str, token: str, kind: Kind, data: dict[str, Any], now: float
) -> bool:
    """Records an event of a running attempt. False, and nothing recorded, if the lease was lost."""
    clip = _held(session, clip_id, token)
    if clip is None:
        return False
    events.record(session, clip_id, kind, data, now)
    tell(session, clip)
    return True


def release(
    session: Session, clip_id: str, token: str, now: float, until: float | None = None
) -> None:
    """Gives the clip back: to its place in the queue, or for a later time with `until`. The attempt
    does not count. Does nothing if the lease was lost."""
    clip = _held(session, clip_id, token)
    if clip is None:
        return
    clip.attempts -= 1
    if until is not None:
        clip.start_at = until
    clear_lease(clip, ready=until is None)
    events.record(session, clip.id, Kind.POSTPONED, {"start_at": clip.start_at}, now)
    tell(session, clip)
    notices.tell(session, notices.LINE)


def release_unanswered(session: Session, maker: str, running: Collection[str], now: float) -> None:
    """Gives back what was leased to a worker that does not run it: the claim took effect, but its
    answer was lost. `running` are the tokens of what it runs. Waits for no lock."""
    unknown = (
        select(Clip.id, Clip.lease)
        .where(PENDING, Clip.maker == maker, Clip.lease.not_in(running))
        .with_for_update(skip_locked=True, key_share=True)
    )
    for clip_id, token in session.execute(unknown).all():
        release(session, clip_id, token or "", now)


def retry_or_fail(
    session: Session,
    clip_id: str,
    token: str,
    code: str,
    message: str,
    settings: QueueSettings,
    now: float,
) -> ClipState | None:
    """Schedules another attempt after a wait that doubles each time, or fails the clip if no
    attempt is left.

    Returns its state, or None if the lease was lost.
    """
    clip = _held(session, clip_id, token)
    if clip is None:
        return None
    failures = clip.attempts - clip.losses
    if failures >= settings.max_attempts:
        transition(session, clip, ClipState.FAILED, now, code=code, message=message)
    else:
        _back_off(session, clip, code, failures, settings, now)
    return clip.state


def record_lost_attempt(
    session: Session, clip_id: str, token: str, settings: QueueSettings, now: float
) -> ClipState | None:
    """The same for an attempt that was lost with the replica of a stage. The next claim notices the
    death of a worker itself."""
    clip = _held(session, clip_id, token)
    if clip is None:
        return None
    clip.losses += 1
    if clip.losses >= settings.max_losses:
        fail_lost(session, clip, now)
    else:
        _back_off(session, clip, LOST, clip.losses, settings, now)
    return clip.state


def fail_lost(session: Session, clip: Clip, now: float) -> None:
    """Fails a locked clip whose attempts were lost `max_losses` times."""
    message = f"The process that made the clip was lost {clip.losses} times; no attempt is left."
    transition(session, clip, ClipState.FAILED, now, code=LOST, message=message)


def fail(session: Session, clip_id: str, token: str, code: str, message: str, now: float) -> bool:
    """Fails the clip at once, for errors that no retry mends. False if the lease was lost."""
    clip = _held(session, clip_id, token)
    if clip is None:
        return False
    transition(session, clip, ClipState.FAILED, now, code=code, message=message)
    return True


def checkpoint_result(
    session: Session,
    clip_id: str,
    token: str,
    size: int,
    audio_seconds: float,
    timings: dict[str, Any],
) -> bool:
    """Records the result before the object is complete in the store. The object names `token`, so a
    later attempt that finds it need not compute it again. False if the lease was lost."""
    clip = _held(session, clip_id, token)
    if clip is None:
        return False
    clip.made_by = token
    clip.bytes, clip.audio_seconds, clip.timings = size, audio_seconds, timings
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
    clip.made_by = None
    transition(session, clip, ClipState.SUCCEEDED, now, s3_key=s3_key)
    return True


def has_succeeded(session: Session, clip_id: str) -> bool:
    """As the row is now."""
    return session.scalar(select(Clip.s3_key).where(Clip.id == clip_id)) is not None


def _back_off(
    session: Session, clip: Clip, code: str, times: int, settings: QueueSettings, now: float
) -> None:
    """Clears the lease and schedules a wait that doubles with each of the `times`."""
    clip.start_at = now + settings.retry_backoff_seconds * 2 ** (times - 1)
    clear_lease(clip, ready=False)
    data = {"attempt": clip.attempts, "code": code, "start_at": clip.start_at}
    events.record(session, clip.id, Kind.RETRYING, data, now)
    tell(session, clip)
    notices.tell(session, notices.LINE)


def _outcome(clip: Clip) -> dict[str, Any]:
    """The data of a clip's last event."""
    if clip.state is ClipState.SUCCEEDED:
        return {"seconds": clip.audio_seconds, "bytes": clip.bytes}
    if clip.state is ClipState.FAILED:
        return {"code": clip.error_code, "message": clip.error}
    return {}


def clear_lease(clip: Clip, ready: bool) -> None:
    """Clears the lease of a locked clip; a `ready` one can be claimed again."""
    clip.lease = clip.lease_until = clip.maker = None
    clip.ready = ready


def _held(session: Session, clip_id: str, token: str) -> Clip | None:
    """The locked clip if `token` still holds it. An expired lease holds until another claim takes
    it."""
    return session.scalars(_HELD, {"clip": clip_id, "token": token}).one_or_none()
