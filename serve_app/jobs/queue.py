"""The queue: the pending rows of the clips table.

A pending clip is throttled or backing off (until `start_at`), in line (`ready`), or held by a
worker (until `lease_until`). A claim (`claiming.py`) first lines up the clips whose time has come
and then takes those with the lowest turns, so its cost depends neither on how many clips wait for
their time nor on how many are finished. All times are by the database's clock.

A try ends with an outcome, or it is lost: the worker, or the replica of a stage, died in the midst
of it and took all tries with it that ran there. Whose clip killed it cannot be told, so lost tries
have a bound of their own, and clips that have any are suspects: no two of them run in the same
worker. Thus one that kills its worker each time can take any other along once only.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from serve_app.accounts import credits
from serve_app.db.models import PENDING, Clip, ClipState
from serve_app.jobs import events
from serve_app.jobs.events import Kind
from serve_app.settings import QueueSettings

LOST, TOO_LONG = "worker_lost", "took_too_long"
"""Why a clip may fail that nothing is wrong with."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a clip until `until`. `clip` is the row as it was when claimed."""

    clip: Clip
    token: str
    until: float
    started: int
    """The number of the event of this start, which names the try: numbers of tries repeat where one
    did not count."""
    is_retry: bool
    """An earlier try has begun, and may have left something behind."""
    seconds: float
    """How long this try may take."""

    @classmethod
    def of(cls, clip: Clip, started: int, settings: QueueSettings, now: float) -> Claim:
        """Of a clip that was leased just now."""
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
        """Whether the process of an earlier try died."""
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
    clear_lease(clip, ready=False)
    events.record(session, clip.id, events.END_OF[to], _outcome(clip), now)


def renew(session: Session, claims: Collection[Claim], now: float, seconds: float) -> None:
    """Hold all clips that are held still for `seconds` more, in one statement.

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
    session.execute(renewed, execution_options={"synchronize_session": False})


def active_leases(session: Session, claims: Collection[Claim]) -> set[str]:
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


def release(
    session: Session, clip_id: str, token: str, now: float, until: float | None = None
) -> None:
    """Give the clip back, to its place in line or for a later time; the try does not count. Does
    nothing if the lease was lost."""
    clip = _held(session, clip_id, token)
    if clip is None:
        return
    clip.attempts -= 1
    if until is not None:
        clip.start_at = until
    clear_lease(clip, ready=until is None)
    events.record(session, clip.id, Kind.POSTPONED, {"start_at": clip.start_at}, now)


def retry_or_fail(
    session: Session,
    clip_id: str,
    token: str,
    code: str,
    message: str,
    settings: QueueSettings,
    now: float,
) -> ClipState | None:
    """Try again after a wait that doubles each time, or fail the clip if no try is left.

    Its state after that, or None if the lease was lost.
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
    """The same for a try that was lost with the replica of a stage. The worker's own death is
    found out by the next claim."""
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
    """Fail a locked clip whose last try was lost like all before it that may be."""
    message = f"The process that made the clip was lost {clip.losses} times; no try is left."
    transition(session, clip, ClipState.FAILED, now, code=LOST, message=message)


def fail(session: Session, clip_id: str, token: str, code: str, message: str, now: float) -> bool:
    """Fail the clip at once, for what no retry can mend. False if the lease was lost."""
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
    """Note the result before it is complete in the store, where `token` is kept with it: whoever
    finds it there need not make it again. False if the lease was lost."""
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
    """Lets go of the clip for a wait that doubles with each of the `times` that it was needed."""
    clip.start_at = now + settings.retry_backoff_seconds * 2 ** (times - 1)
    clear_lease(clip, ready=False)
    data = {"attempt": clip.attempts, "code": code, "start_at": clip.start_at}
    events.record(session, clip.id, Kind.RETRYING, data, now)


def _outcome(clip: Clip) -> dict[str, Any]:
    """What the last event of a clip tells."""
    if clip.state is ClipState.SUCCEEDED:
        return {"seconds": clip.audio_seconds, "bytes": clip.bytes}
    if clip.state is ClipState.FAILED:
        return {"code": clip.error_code, "message": clip.error}
    return {}


def clear_lease(clip: Clip, ready: bool) -> None:
    """Nobody holds the locked clip any more; a `ready` one stands in line again."""
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
