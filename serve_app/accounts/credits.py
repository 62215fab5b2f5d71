"""Credits: a balance for each user, equal to the sum of an append-only ledger.

A pending clip holds its price, and a batch that of its lines which are not yet clips; a hold is no
row of its own. A clip is charged in the transaction that makes it succeed, and only once, because
its id is unique in the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BindParameter, bindparam, func, insert, select
from sqlalchemy.orm import Session

from serve_app.db.models import PENDING, Batch, Clip, LedgerEntry, User
from serve_app.db.pagination import Page, decode_cursor, encode_cursor
from serve_app.errors import ApiError, invalid

_USER: BindParameter[str] = bindparam("user")
_BALANCE = select(User.balance).where(User.id == _USER)
_OF_CLIPS = select(func.coalesce(func.sum(Clip.credits), 0)).where(Clip.user_id == _USER, PENDING)
_OF_BATCHES = select(func.coalesce(func.sum(Batch.held), 0)).where(Batch.user_id == _USER)
_HELD = select(_OF_CLIPS.scalar_subquery() + _OF_BATCHES.scalar_subquery())
_LOCK = (
    select(User)
    .where(User.id == _USER)
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)


def lock_account(session: Session, user_id: str) -> User:
    """The user's row, locked until the transaction ends. The lock protects the balance and, because
    submissions take it too, the holds. Lock order: a clip's row before its user's."""
    return session.scalars(_LOCK, {"user": user_id}).one()


def balance(session: Session, user_id: str) -> int:
    """The user's credits, including those held by pending clips."""
    return session.scalars(_BALANCE, {"user": user_id}).one()


def held(session: Session, user_id: str) -> int:
    """Credits held by the user's pending clips and batches, as one statement finds them."""
    return int(session.scalars(_HELD, {"user": user_id}).one())


def granted(session: Session, user_id: str) -> int:
    """All credits that the user was ever given."""
    given = select(func.coalesce(func.sum(LedgerEntry.amount), 0))
    return int(
        session.scalars(given.where(LedgerEntry.user_id == user_id, LedgerEntry.amount > 0)).one()
    )


def require_available(session: Session, user: User, cost: int, what: str = "clip") -> None:
    """Raises ApiError 402 unless the balance of a locked user covers all holds and `cost`."""
    holds = held(session, user.id)
    available = user.balance - holds
    if available < cost:
        raise ApiError(
            402,
            "not_enough_credits",
            f"This {what} costs {cost} credits and {available} are available "
            f"({user.balance} in the account, {holds} held by pending clips).",
        )


def capture(session: Session, clip: Clip, now: float) -> None:
    """Charges a clip. A second charge of the same clip violates a constraint and rolls back."""
    _add_entry(session, clip.user_id, -clip.credits, "clip", now, clip.id)


def capture_all(session: Session, user_id: str, clips: Sequence[Clip], now: float) -> None:
    """Charges several clips of one user, as `capture` does each."""
    user = lock_account(session, user_id)
    entries = []
    for clip in clips:
        user.balance -= clip.credits
        entries.append(
            {
                "user_id": user_id,
                "clip_id": clip.id,
                "amount": -clip.credits,
                "balance": user.balance,
                "reason": "clip",
                "created_at": now,
            }
        )
    session.flush()
    session.execute(insert(LedgerEntry), entries)


def grant(session: Session, user: User, amount: int, now: float) -> None:
    """Adds credits. Raises ApiError 422 unless `amount` is positive."""
    if amount <= 0:
        raise invalid("amount", "The amount must be at least 1.")
    _add_entry(session, user.id, amount, "grant", now)


def sign_up_bonus(session: Session, user: User, amount: int, now: float) -> None:
    """Writes the first entry of a new user's ledger."""
    _add_entry(session, user.id, amount, "sign_up", now)


def ledger(
    session: Session, user_id: str, limit: int, cursor: str | None = None
) -> Page[LedgerEntry]:
    """The user's entries, newest first. Raises ApiError 422 for an invalid cursor."""
    query = select(LedgerEntry).where(LedgerEntry.user_id == user_id)
    if cursor is not None:
        (before,) = decode_cursor(cursor, int)
        query = query.where(LedgerEntry.id < before)
    rows = list(session.scalars(query.order_by(LedgerEntry.id.desc()).limit(limit + 1)))
    more = encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
    return Page(rows[:limit], more)


def _add_entry(
    session: Session, user_id: str, amount: int, reason: str, now: float, clip_id: str | None = None
) -> None:
    # The lock keeps a user's entry numbers in the order of the balances that they state.
    user = lock_account(session, user_id)
    user.balance += amount
    session.add(
        LedgerEntry(
            user_id=user_id,
            clip_id=clip_id,
            amount=amount,
            balance=user.balance,
            reason=reason,
            created_at=now,
        )
    )
    session.flush()
