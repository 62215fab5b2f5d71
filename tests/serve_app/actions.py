"""Common steps of the tests of accounts, clips and the queue, one transaction each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any, TypeVar

from sqlalchemy import event, func, select

from serve_app.accounts import credits
from serve_app.db.engine import Database
from serve_app.db.models import Clip, ClipEvent, LedgerEntry, User
from serve_app.ids import new_id
from serve_app.jobs import claiming, events, queue
from serve_app.jobs.queue import Claim
from serve_app.media import clips
from serve_app.settings import QueueSettings

T = TypeVar("T")

NOW = 1_800_000_000.0
COST = 50
RULES = QueueSettings(
    throttle_starts=3,
    throttle_window_seconds=60,
    lease_seconds=30,
    max_attempts=3,
    max_losses=5,
    retry_backoff_seconds=2,
    attempt_seconds=600,
    clip_seconds=3_600,
    max_pending=1_000,
    max_pending_of_user=500,
)
UNTHROTTLED = RULES.model_copy(update={"throttle_window_seconds": 0})


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are sent meanwhile, each with its parameters."""
    sent: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        sent.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def make_user(database: Database, name: str = "ada", amount: int = 10_000) -> User:
    """A user with credits and no usable password (hashing is slow)."""
    user = User(id=new_id(), email=f"{name}@example.com", password_hash="", created_at=NOW)
    with database.transaction() as session:
        session.add(user)
        session.flush()
        credits.sign_up_bonus(session, user, amount, NOW)
    return user


def speech(text: str = "Hello.", cost: int = COST, service: str = "styletts2") -> clips.NewClip:
    return clips.NewClip(service, text, "af_heart", None, {"format": "wav"}, cost)


def submit(
    database: Database,
    user: User,
    now: float = NOW,
    rules: QueueSettings = UNTHROTTLED,
    new: clips.NewClip | None = None,
) -> Clip:
    with database.transaction() as session:
        clip, created = clips.submit(session, user.id, new or speech(), rules, now)
    assert created
    return clip


def claim(database: Database, now: float = NOW, rules: QueueSettings = UNTHROTTLED) -> Claim | None:
    with database.transaction() as session:
        claims = claiming.claim(session, rules, now)
    return claims[0] if claims else None


def must_claim(database: Database, now: float = NOW, rules: QueueSettings = UNTHROTTLED) -> Claim:
    claimed = claim(database, now, rules)
    assert claimed is not None
    return claimed


def result_of(claimed: Claim) -> str:
    """The key of a clip's result."""
    return f"styletts2-output/{claimed.clip.id}.wav"


def succeed(database: Database, claimed: Claim, now: float = NOW) -> bool:
    key = result_of(claimed)
    with database.transaction() as session:
        return queue.succeed(
            session, claimed.clip.id, claimed.token, key, 1_000, 2.5, {"total_seconds": 1.0}, now
        )


def renew(database: Database, claimed: Claim, now: float, seconds: float = 30) -> bool:
    """Whether the clip is held still."""
    with database.transaction() as session:
        queue.renew(session, [claimed], now, seconds)
        return claimed.token in queue.active_leases(session, [claimed])


def delete(
    database: Database, clip: Clip, now: float = NOW, rules: QueueSettings = UNTHROTTLED
) -> Clip:
    with database.transaction() as session:
        return clips.delete(session, clip.user_id, clip.id, rules, now)


def reload(database: Database, clip: Clip) -> Clip:
    with database.transaction() as session:
        return session.get_one(Clip, clip.id)


def account(database: Database, user: User) -> tuple[int, int]:
    """Balance and holds."""
    with database.transaction() as session:
        return credits.balance(session, user.id), credits.held(session, user.id)


def ledger_sum(database: Database, user: User) -> int:
    amounts = select(func.sum(LedgerEntry.amount)).where(LedgerEntry.user_id == user.id)
    with database.transaction() as session:
        return int(session.scalars(amounts).one())


def concurrently(count: int, work: Callable[[int], T]) -> list[T]:
    """The results of `work(0)` to `work(count - 1)`, each in a thread, all started together."""
    start = Barrier(count)

    def run(number: int) -> T:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


def events_of(database: Database, clip: Clip, after: int = 0) -> list[ClipEvent]:
    with database.reading() as session:
        return list(events.since(session, clip.id, after))
