"""Checks of the ledger: against the balances, and against the clips."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import and_, case, func, or_, select

from serve_app.db.models import Clip, LedgerEntry, User
from serve_app.maintenance.doctor.check_context import CheckContext, Finding

_SUCCEEDED = and_(Clip.s3_key.is_not(None), Clip.failed.is_(False))


def balances(context: CheckContext) -> Iterator[Finding]:
    """Every balance is the sum of its ledger, which has one sign-up entry."""
    welcomes = func.count(case((LedgerEntry.reason == "sign_up", 1)))
    query = (
        select(User.id, User.balance, func.coalesce(func.sum(LedgerEntry.amount), 0), welcomes)
        .outerjoin(LedgerEntry, LedgerEntry.user_id == User.id)
        .group_by(User.id, User.balance)
    )
    for user_id, balance, total, signed_up in context.rows(query, User.id):
        context.examined.add()
        if balance != total:
            problem = f"has a balance of {balance} credits and a ledger of {total}"
            yield Finding(f"user {user_id}", problem)
        if signed_up != 1:
            yield Finding(f"user {user_id}", f"has {signed_up} sign-up entries instead of one")


def entries(context: CheckContext) -> Iterator[Finding]:
    """Every entry states the balance after it, and has an amount that fits its reason."""
    total = func.sum(LedgerEntry.amount).over(
        partition_by=LedgerEntry.user_id, order_by=LedgerEntry.id
    )
    running = select(LedgerEntry.id, total.label("total")).subquery()
    of_clip = LedgerEntry.reason == "clip"
    taken = and_(of_clip, LedgerEntry.clip_id.is_not(None), LedgerEntry.amount <= 0)
    given = and_(~of_clip, LedgerEntry.clip_id.is_(None), LedgerEntry.amount >= 0)
    wrong = or_(running.c.total != LedgerEntry.balance, ~or_(taken, given))
    query = (
        select(LedgerEntry.id, LedgerEntry.amount, LedgerEntry.reason, LedgerEntry.balance)
        .add_columns(running.c.total)
        .join(running, running.c.id == LedgerEntry.id)
        .where(wrong)
    )
    context.count(LedgerEntry)
    for entry, amount, reason, stated, balance in context.rows(query, LedgerEntry.id):
        problem = f"({reason}, {amount} credits) states a balance of {stated} after {balance}"
        yield Finding(f"ledger entry {entry}", problem)


def charges(context: CheckContext) -> Iterator[Finding]:
    """Succeeded clips are charged their price, and no other clips are charged."""
    amount, payer = LedgerEntry.amount, LedgerEntry.user_id
    wrong = or_(
        and_(_SUCCEEDED, amount.is_(None)),
        and_(~_SUCCEEDED, amount.is_not(None)),
        amount != -Clip.credits,
        payer != Clip.user_id,
    )
    query = (
        select(Clip.id, _SUCCEEDED, Clip.credits, Clip.user_id, amount, payer)
        .outerjoin(LedgerEntry, LedgerEntry.clip_id == Clip.id)
        .where(wrong)
    )
    context.count(Clip)
    for clip_id, *charged in context.rows(query, Clip.id):
        yield Finding(f"clip {clip_id}", _mischarged(*charged))


def _mischarged(succeeded: bool, price: int, owner: str, amount: int | None, payer: str) -> str:
    if amount is None:
        return "succeeded and was not charged"
    if not succeeded:
        return f"was charged {-amount} credits and has not succeeded"
    if amount != -price:
        return f"was charged {-amount} credits instead of {price}"
    return f"of user {owner} was charged to user {payer}"
