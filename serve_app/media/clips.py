"""Clips of a user: submit, get, list, cancel, delete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, or_, select, tuple_, update
from sqlalchemy import delete as sql_delete
from sqlalchemy.orm import Session, aliased

from serve_app.accounts import credits
from serve_app.db import notices
from serve_app.db.models import CANCELLED, INTERACTIVE, PENDING, Clip, ClipPeaks, ClipState
from serve_app.db.pagination import Page, decode_cursor, encode_cursor
from serve_app.errors import ApiError, not_found
from serve_app.ids import is_id, new_id
from serve_app.jobs import admission, events, throttle
from serve_app.jobs.events import Kind
from serve_app.jobs.queue import transition
from serve_app.media.removals import PAGE_SIZE, Position
from serve_app.settings import QueueSettings


@dataclass(frozen=True, slots=True)
class ClipFilter:
    """Which clips are listed: those that meet all that is set."""

    service: str | None = None
    states: Sequence[ClipState] = ()
    text: str | None = None
    """What the text contains, in any case."""
    since: float | None = None
    until: float | None = None
    """When they were submitted, in epoch seconds: from `since`, before `until`."""

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        if self.service is not None:
            yield Clip.service == self.service
        if self.states:
            yield or_(*map(_in_state, self.states))
        if self.text is not None:
            yield Clip.text.icontains(self.text, autoescape=True)
        if self.since is not None:
            yield Clip.created_at >= self.since
        if self.until is not None:
            yield Clip.created_at < self.until


@dataclass(frozen=True, slots=True)
class NewClip:
    """A clip to submit. `credits` is its price."""

    service: str
    text: str | None
    voice: str | None
    original_voice_s3_key: str | None
    options: dict[str, Any]
    credits: int


def submit(
    session: Session,
    user_id: str,
    new: NewClip,
    settings: QueueSettings,
    now: float,
    idempotency_key: str | None = None,
    request_hash: str | None = None,
) -> tuple[Clip, bool]:
    """Queues a clip and holds its credits. Returns the clip, and whether it is new.

    The same `idempotency_key` and `request_hash` return the earlier clip; the same key with another
    hash is ApiError 409 `idempotency_conflict`. Raises 402 `not_enough_credits` where the balance
    does not cover the price, and 429 `too_many_clips` and `queue_full` where too many clips are
    pending.
    """
    user = credits.lock_account(session, user_id)
    if (earlier := submitted(session, user_id, idempotency_key, request_hash)) is not None:
        return earlier, False
    admission.require_room(session, user_id, settings)
    credits.require_available(session, user, new.credits)
    start_at = throttle.plan(session, user, settings, now)
    clip = Clip(
        id=new_id(),
        user_id=user_id,
        service=new.service,
        text=new.text,
        voice=new.voice,
        original_voice_s3_key=new.original_voice_s3_key,
        options=new.options,
        credits=new.credits,
        created_at=now,
        start_at=start_at,
        turn=admission.next_turn(session, user_id),
        ready=start_at <= now,
        idempotency_key=idempotency_key,
        request_hash=request_hash,
    )
    session.add(clip)
    session.flush()
    waits = {"position": admission.position(session, clip), "start_at": start_at}
    events.record(session, clip.id, Kind.QUEUED, waits, now)
    notices.tell(session, notices.LINE)
    return clip, True


def submitted(
    session: Session, user_id: str, idempotency_key: str | None, request_hash: str | None
) -> Clip | None:
    """The clip that an earlier request with this key made. Raises ApiError 409 where that was
    another request."""
    if idempotency_key is None:
        return None
    clip = with_key(session, user_id, idempotency_key)
    if clip is not None and clip.request_hash != request_hash:
        raise ApiError(
            409,
            "idempotency_conflict",
            "This Idempotency-Key was used before with another request.",
            "Idempotency-Key",
        )
    return clip


def with_key(session: Session, user_id: str, idempotency_key: str) -> Clip | None:
    """The clip that holds an idempotency key of the user."""
    held = select(Clip).where(Clip.user_id == user_id, Clip.idempotency_key == idempotency_key)
    return session.scalars(held).one_or_none()


def release_key(session: Session, clip_id: str, idempotency_key: str) -> None:
    """Lets the next request with this key make another clip."""
    held = update(Clip).where(Clip.id == clip_id, Clip.idempotency_key == idempotency_key)
    session.execute(held.values(idempotency_key=None))


def made_since(session: Session, user_id: str, request_hash: str, since: float) -> Clip | None:
    """The newest clip that such a request made from a time on, if it succeeded."""
    made = select(Clip).where(
        Clip.user_id == user_id,
        Clip.created_at >= since,
        Clip.request_hash == request_hash,
        Clip.s3_key.is_not(None),
        Clip.deleted_at.is_(None),
    )
    return session.scalars(made.order_by(Clip.created_at.desc()).limit(1)).one_or_none()


def get(session: Session, user_id: str, clip_id: str) -> Clip:
    """Raises ApiError 404 `clip_not_found` for unknown, deleted and foreign clips alike."""
    return _find(session, user_id, clip_id, lock=False)


def list_clips(
    session: Session,
    user_id: str,
    which: ClipFilter = ClipFilter(),
    limit: int = 20,
    cursor: str | None = None,
) -> Page[Clip]:
    """The user's clips, newest first. Raises ApiError 422 for an invalid cursor."""
    query = select(Clip).where(
        Clip.user_id == user_id, Clip.deleted_at.is_(None), *which.conditions()
    )
    if cursor is not None:
        created_at, clip_id = decode_cursor(cursor, float, str)
        query = query.where(tuple_(Clip.created_at, Clip.id) < tuple_(created_at, clip_id))
    newest_first = query.order_by(Clip.created_at.desc(), Clip.id.desc())
    rows = list(session.scalars(newest_first.limit(limit + 1)))
    more = encode_cursor(rows[limit - 1].created_at, rows[limit - 1].id) if rows[limit:] else None
    return Page(rows[:limit], more)


def delete(
    session: Session, user_id: str, clip_id: str, settings: QueueSettings, now: float
) -> Clip:
    """Cancels a pending clip, which stays listed. Marks a finished one as deleted, which hides it.

    The start that was planned for a cancelled clip goes to the next that waits. The sweep removes
    the object and the row of a deleted clip, once no pending clip is to be made from it.
    """
    clip = _find(session, user_id, clip_id, lock=True)
    if clip.state is ClipState.PENDING:
        message = "The clip was cancelled."
        transition(session, clip, ClipState.CANCELLED, now, code=CANCELLED, message=message)
        if clip.started_at is None and clip.lane == INTERACTIVE:
            throttle.replan(session, credits.lock_account(session, user_id), settings, now)
            notices.tell(session, notices.LINE)
    else:
        clip.deleted_at = now
        clip.idempotency_key = None
    session.flush()
    return clip


def peaks(session: Session, clip_id: str) -> bytes | None:
    """The outline of a clip, where there is one."""
    return session.scalar(select(ClipPeaks.pairs).where(ClipPeaks.clip_id == clip_id))


def record_peaks(session: Session, clip_id: str, pairs: bytes) -> None:
    """Sets the outline of a locked clip, in place of that of an earlier attempt."""
    session.merge(ClipPeaks(clip_id=clip_id, pairs=pairs))


_SOURCE = aliased(Clip)
_IN_USE = (
    select(Clip.id)
    .where(
        PENDING,
        Clip.user_id == _SOURCE.user_id,
        Clip.original_voice_s3_key == _SOURCE.s3_key,
    )
    .exists()
)


def deleted(session: Session, after: Position) -> list[Clip]:
    """The next clips, in order of their deletion, that are deleted, not purged, and not in use."""
    place = tuple_(_SOURCE.deleted_at, _SOURCE.id)
    query = select(_SOURCE).where(_SOURCE.deleted_at.is_not(None), place > tuple_(*after), ~_IN_USE)
    oldest_first = query.order_by(_SOURCE.deleted_at, _SOURCE.id)
    return list(session.scalars(oldest_first.limit(PAGE_SIZE)))


def orphaned_results(session: Session, before: float, after: Position) -> list[Clip]:
    """The next clips that ended without success before a time, but may have left their result."""
    place = tuple_(Clip.finished_at, Clip.id)
    query = select(Clip).where(
        Clip.made_by.is_not(None), Clip.finished_at < before, place > tuple_(*after)
    )
    return list(session.scalars(query.order_by(Clip.finished_at, Clip.id).limit(PAGE_SIZE)))


def clear_result(session: Session, clip_id: str) -> None:
    """Records that nothing is left of the result of a clip that ended without success."""
    session.execute(update(Clip).where(Clip.id == clip_id, Clip.failed).values(made_by=None))


def wants_object(session: Session, clip_id: str) -> bool:
    """Whether an object under the clip's key is its result or may become it."""
    clip = session.get(Clip, clip_id, populate_existing=True)
    return clip is not None and clip.deleted_at is None and not clip.failed


def purge(session: Session, clip_id: str) -> None:
    """Removes the row of a deleted clip, once its object is removed."""
    session.execute(sql_delete(Clip).where(Clip.id == clip_id, Clip.deleted_at.is_not(None)))


_FIND = (
    select(Clip)
    .where(
        Clip.id == bindparam("clip"), Clip.user_id == bindparam("user"), Clip.deleted_at.is_(None)
    )
    .execution_options(populate_existing=True)
)
_LOCK = _FIND.with_for_update(key_share=True)


def _find(session: Session, user_id: str, clip_id: str, lock: bool) -> Clip:
    if not is_id(clip_id):
        raise not_found("clip")
    whose = {"clip": clip_id, "user": user_id}
    clip = session.scalars(_LOCK if lock else _FIND, whose).one_or_none()
    if clip is None:
        raise not_found("clip")
    return clip


def _in_state(state: ClipState) -> ColumnElement[bool]:
    return {
        ClipState.PENDING: PENDING,
        ClipState.SUCCEEDED: Clip.s3_key.is_not(None),
        ClipState.CANCELLED: and_(Clip.failed, Clip.error_code == CANCELLED),
        ClipState.FAILED: and_(Clip.failed, Clip.error_code.is_distinct_from(CANCELLED)),
    }[state]
