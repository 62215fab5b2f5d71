"""Whether every promise was kept, once the system is quiet."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import func, or_, select

from pipelines.audio.appending import streamed
from pipelines.audio.containers import FORMATS
from serve_app.db.engine import Database
from serve_app.db.models import PENDING, Clip, ClipState, LedgerEntry, User
from serve_app.maintenance.doctor.check_context import CheckContext
from serve_app.maintenance.doctor.runner import run_checks
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.chaos.plan import Then
from tests.chaos.promises import Promise
from tests.chaos.users import UserHistory

SIGN_UP = 10_000
PRICE = 50


class System(Protocol):
    """The system to check."""

    @property
    def database(self) -> Database: ...

    @property
    def store(self) -> ObjectStore: ...

    @property
    def settings(self) -> Settings: ...


def quiet(system: System, seconds: float) -> float:
    """Waits until no clip is pending and no deletion is under way, for so long at most; returns
    how long it took."""
    begun = time.monotonic()
    unfinished = select(func.count()).where(or_(PENDING, Clip.deleted_at.is_not(None)))
    while time.monotonic() < begun + seconds:
        with system.database.reading() as session:
            if not session.scalars(unfinished).one():
                break
        time.sleep(0.5)
    return time.monotonic() - begun


def settle(system: System, seconds: float) -> float:
    """Waits until the workers and their sweeps have tidied up, for so long at most; returns how
    long it took."""
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        if all(each.ok for each in run_checks(_context(system, deep=False))):
            break
        time.sleep(2)
    return time.monotonic() - begun


def judge(system: System, histories: Sequence[UserHistory]) -> list[Promise]:
    """Compares what users were answered with the system's state, and runs the doctor's checks."""
    rows, charged = _rows(system), _charged(system)
    accepted = [history for history in histories if history.clip_ids]
    promises = [
        Promise("every accepted clip is in a final state", len(accepted), _unended(accepted, rows)),
        Promise(
            "a repeated request gave the same clip if it had a key, else another",
            sum(len(history.clip_ids) - 1 for history in accepted),
            _wrongly_repeated(accepted),
        ),
        Promise(
            "clips are charged once, and only if they succeeded",
            len(rows),
            _mischarged(accepted, rows, charged),
        ),
        Promise(
            "balance = 10,000 - 50 × succeeded", len(_balances(system)), _misjudged(system, charged)
        ),
        Promise(
            "what was listened to is what was stored",
            sum(history.heard is not None for history in accepted),
            _misheard(system, accepted, rows),
        ),
        Promise(
            "no answer was out of place",
            len(histories),
            [line for history in histories for line in history.complaints],
        ),
    ]
    return promises + doctors(system)


def doctors(system: System) -> list[Promise]:
    """What `bernie doctor` looks at."""
    return [
        Promise(
            each.title,
            each.examined,
            [f"{told.subject} {told.problem}" for told in each.findings],
        )
        for each in run_checks(_context(system, deep=True))
    ]


def _context(system: System, deep: bool) -> CheckContext:
    return CheckContext(system.database, system.store, system.settings, age_seconds=0, deep=deep)


def outcomes(system: System) -> Counter[str]:
    """How the clips ended, and how many took more than one try."""
    counted: Counter[str] = Counter()
    for clip in _rows(system).values():
        reason = f" ({clip.service}: {clip.error})" if clip.state is ClipState.FAILED else ""
        counted[f"{clip.state}{reason}"] += 1
        counted["with more than one try"] += clip.attempts > 1
    return counted


def _rows(system: System) -> dict[str, Clip]:
    with system.database.reading() as session:
        return {clip.id: clip for clip in session.scalars(select(Clip))}


def _charged(system: System) -> Counter[str]:
    """How often each clip was charged, those that are deleted by now among them."""
    with system.database.reading() as session:
        charges = select(LedgerEntry.clip_id).where(LedgerEntry.reason == "clip")
        return Counter(str(clip_id) for clip_id in session.scalars(charges))


def _balances(system: System) -> dict[str, int]:
    users = select(User.id, User.balance).where(User.email.like("user-%"))
    with system.database.reading() as session:
        return dict(session.execute(users).all())


def _unended(histories: Sequence[UserHistory], rows: dict[str, Clip]) -> list[str]:
    lines = []
    removed = {history.clip_ids[0]: history for history in histories if history.removed}
    for clip_id in {each for history in histories for each in history.clip_ids}:
        clip, history = rows.get(clip_id), removed.get(clip_id)
        if clip is None and history is None:
            lines.append(f"clip {clip_id} was accepted and is lost")
        elif clip is not None and clip.state is ClipState.PENDING:
            lines.append(f"clip {clip_id} is still pending after {clip.attempts} tries")
        elif clip is not None and history is not None and history.submission.then is Then.DELETE:
            lines.append(f"clip {clip_id} was deleted and is still there")
    return lines


def _wrongly_repeated(histories: Sequence[UserHistory]) -> list[str]:
    """With a key the answers name one clip, without one as many as there are answers."""
    lines = []
    for history in histories:
        key, distinct = history.submission.key, sorted(set(history.clip_ids))
        if len(distinct) != (len(history.clip_ids) if key is None else 1):
            lines.append(f"a request with the key {key} gave {', '.join(distinct)}")
    return lines


def _mischarged(
    histories: Sequence[UserHistory], rows: dict[str, Clip], charged: Counter[str]
) -> list[str]:
    lines = [f"clip {clip_id} was charged {n} times" for clip_id, n in charged.items() if n > 1]
    for clip_id, clip in rows.items():
        if (clip.state is ClipState.SUCCEEDED) != bool(charged[clip_id]):
            lines.append(f"clip {clip_id} is {clip.state} and was charged {charged[clip_id]} times")
    for history in histories:
        clip_id, state = history.clip_ids[0], history.last_state
        if state in ("failed", "cancelled") and charged[clip_id]:
            lines.append(f"clip {clip_id} was {state} when it was deleted, and charged")
        if state == "succeeded" and not charged[clip_id]:
            lines.append(f"clip {clip_id} had succeeded when it was deleted, and was not charged")
    return lines


def _misjudged(system: System, charged: Counter[str]) -> list[str]:
    payers = select(LedgerEntry.user_id).where(LedgerEntry.clip_id.in_(charged))
    with system.database.reading() as session:
        succeeded = Counter(session.scalars(payers))
    return [
        f"user {user_id} has {balance} credits after {succeeded[user_id]} clips"
        for user_id, balance in _balances(system).items()
        if balance != SIGN_UP - PRICE * succeeded[user_id]
    ]


def _digests(system: System, clip: Clip) -> set[str]:
    """Of what a listener may have got: the stored file, or its stream."""
    stored = system.store.get(clip.s3_key or "")
    container = FORMATS[clip.options["format"]].container
    return {hashlib.sha256(each).hexdigest() for each in (stored, streamed(stored, container))}


def _misheard(system: System, histories: Sequence[UserHistory], rows: dict[str, Clip]) -> list[str]:
    lines = []
    for history in histories:
        clip = rows.get(history.clip_ids[0])
        if history.heard is None or clip is None:
            continue
        if clip.s3_key is None:
            lines.append(f"clip {clip.id} was heard to its end and is {clip.state}")
        elif history.heard not in _digests(system, clip):
            lines.append(f"clip {clip.id} was heard otherwise than it is stored")
    return lines
