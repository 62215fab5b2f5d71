"""Accepting, finding and listing batches."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from serve_app.accounts import credits
from serve_app.db.models import Batch, BatchFailure, BatchState, User
from serve_app.db.pagination import Page, decode_cursor, encode_cursor
from serve_app.errors import ApiError, not_found
from serve_app.field_rules import made_storable
from serve_app.ids import is_id
from serve_app.media.batches.lines import Rejection
from serve_app.settings import Settings

_MAX_MESSAGE, _MAX_FIELD = 1_000, 100
"""Characters that are kept of what is wrong with a line."""
_LOOKED_THROUGH = 200
"""Batches of a user among which a repeated request looks for its first one."""


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A valid manifest of `lines` lines, to be made at `line_credits` each."""

    name: str
    """Tells the user's batches apart: the same name is the same batch."""
    manifest: str
    manifest_sha256: str
    output: str
    options: dict[str, Any]
    lines: int
    line_credits: int
    partial: bool = False
    """Whether as many of the first lines are taken as the credits pay for."""
    expires_at: float | None = None
    by_service: bool = False
    """Whether the service validates and feeds it, and not a job."""
    same_since: float | None = None
    """A batch of the same manifest and options that is younger is the one asked for: another
    request of a client that does not name what it repeats has made it."""


def id_of(user_id: str, name: str) -> str:
    """The id of a user's batch of this name: 32 hex digits of a SHA-256."""
    return hashlib.sha256(f"batch\n{user_id}\n{name}".encode()).hexdigest()[:32]


def accept(
    session: Session, user_id: str, new: NewBatch, settings: Settings, now: float
) -> tuple[Batch, bool]:
    """Holds the price of all lines. Returns the batch, and whether it is new.

    The same name with the same manifest, output and options is the earlier batch, and so is what
    `same_since` says. Raises ApiError 409 `batch_conflict` where the name is the same and one of
    them differs, 422 `too_many_lines`, 429 `too_many_batches`, and 402 `not_enough_credits`.
    """
    user = credits.lock_account(session, user_id)
    batch_id = id_of(user_id, new.name)
    earlier = session.get(Batch, batch_id, populate_existing=True)
    if earlier is not None:
        require_same(earlier, new)
        return earlier, False
    if new.same_since is not None:
        same = made_since(session, user_id, new.options, new.same_since)
        if same is not None and same.manifest_sha256 == new.manifest_sha256:
            return same, False
    if new.lines > settings.max_batch_lines:
        raise too_many_lines(settings)
    require_place(session, user_id, settings)
    lines = _affordable(session, user, new)
    price = lines * new.line_credits
    credits.require_available(session, user, price, f"batch of {lines} lines")
    batch = Batch(
        id=batch_id,
        user_id=user_id,
        name=new.name,
        manifest=new.manifest,
        manifest_sha256=new.manifest_sha256,
        output=new.output,
        options=new.options,
        state=BatchState.VALIDATING if new.by_service else BatchState.RUNNING,
        created_at=now,
        expires_at=new.expires_at,
        by_service=new.by_service,
        total=lines,
        waiting=lines,
        line_credits=new.line_credits,
        price=price,
        held=price,
    )
    session.add(batch)
    session.flush()
    return batch, True


def require_place(session: Session, user_id: str, settings: Settings) -> None:
    """Raises ApiError 429 `too_many_batches` where a user has as many under way as one may."""
    under_way = select(func.count()).where(Batch.user_id == user_id, Batch.finished_at.is_(None))
    if session.scalars(under_way).one() >= settings.max_batches_of_user:
        message = f"You have {settings.max_batches_of_user} batches under way. Wait for one."
        raise ApiError(429, "too_many_batches", message, retry_after=60)


def too_many_lines(settings: Settings) -> ApiError:
    message = f"A batch has at most {settings.max_batch_lines} lines; this has more."
    return ApiError(422, "too_many_lines", message, "manifest")


def _affordable(session: Session, user: User, new: NewBatch) -> int:
    if not new.partial or new.line_credits == 0:
        return new.lines
    available = user.balance - credits.held(session, user.id)
    return min(new.lines, max(available // new.line_credits, 1))


def require_same(earlier: Batch, new: NewBatch) -> None:
    """Raises ApiError 409 `batch_conflict` where a new batch differs from the one of its name."""
    for name in ("manifest_sha256", "output", "options"):
        if getattr(earlier, name) != getattr(new, name):
            what = name.removesuffix("_sha256")
            message = f"Batch {earlier.id} was begun with another {what}. Give another batch id."
            raise ApiError(409, "batch_conflict", message, what)


def get(session: Session, user_id: str, batch_id: str, lock: bool = False) -> Batch:
    """Raises ApiError 404 `batch_not_found` for unknown and foreign ids alike."""
    if not is_id(batch_id):
        raise not_found("batch")
    query = select(Batch).where(Batch.id == batch_id, Batch.user_id == user_id)
    if lock:
        query = query.with_for_update()
    batch = session.scalars(query, execution_options={"populate_existing": True}).one_or_none()
    if batch is None:
        raise not_found("batch")
    return batch


def list_batches(
    session: Session, user_id: str, limit: int = 20, cursor: str | None = None
) -> Page[Batch]:
    """The user's batches, newest first. Raises ApiError 422 for an invalid cursor."""
    query = select(Batch).where(Batch.user_id == user_id)
    if cursor is not None:
        created_at, batch_id = decode_cursor(cursor, float, str)
        before = and_(Batch.created_at == created_at, Batch.id < batch_id)
        query = query.where(or_(Batch.created_at < created_at, before))
    newest_first = query.order_by(Batch.created_at.desc(), Batch.id.desc())
    rows = list(session.scalars(newest_first.limit(limit + 1)))
    more = encode_cursor(rows[limit - 1].created_at, rows[limit - 1].id) if rows[limit:] else None
    return Page(rows[:limit], more)


def made_since(
    session: Session, user_id: str, options: dict[str, Any], since: float
) -> Batch | None:
    """The user's newest batch with these options that is younger than `since`."""
    query = select(Batch).where(Batch.user_id == user_id, Batch.created_at > since)
    newest_first = query.order_by(Batch.created_at.desc(), Batch.id.desc())
    found = session.scalars(newest_first.limit(_LOOKED_THROUGH))
    return next((each for each in found if each.options == options), None)


def open_for_service(
    session: Session, now: float, limit: int, but: Collection[str] = ()
) -> Sequence[Batch]:
    """Batches that no feeder has and the service has to go on with, oldest first: its own, and
    those of jobs that are gone which were cancelled or have expired; `but` not these."""
    due = or_(Batch.by_service, Batch.state == BatchState.CANCELLING, Batch.expires_at <= now)
    free = or_(Batch.lease.is_(None), Batch.lease_until < now)
    query = select(Batch).where(Batch.finished_at.is_(None), free, due)
    if but:
        query = query.where(Batch.id.not_in(but))
    return session.scalars(query.order_by(Batch.created_at, Batch.id).limit(limit)).all()


def begin(batch: Batch) -> None:
    """A locked batch whose lines were checked begins."""
    if batch.state == BatchState.VALIDATING:
        batch.state = BatchState.RUNNING


def refuse(
    session: Session,
    batch: Batch,
    code: str,
    message: str,
    failures: Sequence[tuple[int, str, Rejection]],
    now: float,
) -> None:
    """Ends a locked batch of which no line was begun, and releases its hold. `failures` are some of
    the lines that cannot be used: number, id, and why."""
    batch.state, batch.finished_at = BatchState.REFUSED, now
    batch.error_code, batch.error = code, made_storable(message, _MAX_MESSAGE)
    batch.cancelled += batch.waiting
    batch.released += batch.held
    batch.waiting = batch.held = 0
    batch.lease = batch.lease_until = None
    for number, line_id, why in failures:
        session.add(BatchFailure(**failure_of(batch.id, number, line_id, why)))
    session.flush()


def failure_of(batch_id: str, number: int, line_id: str, why: Rejection) -> dict[str, Any]:
    """The columns of a BatchFailure. A user's words in it may be such as cannot be stored."""
    return {
        "batch_id": batch_id,
        "line_no": number,
        "line_id": line_id,
        "code": why.code,
        "message": made_storable(why.message, _MAX_MESSAGE),
        "field": None if why.field is None else made_storable(why.field, _MAX_FIELD),
    }
