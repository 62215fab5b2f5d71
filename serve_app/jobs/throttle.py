"""The throttle: at most `throttle_starts` first starts per user in any `throttle_window_seconds`,
over all services. Lines of batches are not throttled, and do not count.

It delays and never refuses. A submission plans its start from the user's past and planned starts. A
busy queue can start clips late and so bunch them, so the claim checks the actual starts again.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import repeat

from sqlalchemy import BindParameter, Select, String, and_, bindparam, select, update
from sqlalchemy.orm import Session

from serve_app.db.models import INTERACTIVE, PENDING, Clip, User
from serve_app.settings import QueueSettings


def limit_of(own: int | None, settings: QueueSettings) -> float:
    """Starts in a window of a user whose account says so, or nothing."""
    if own is None:
        return settings.throttle_starts
    return own or math.inf


def next_start(starts: Sequence[float], now: float, limit: float, window: float) -> float:
    """The earliest time from `now` on at which one more start may be added to `starts`."""
    return next(next_starts(starts, now, limit, window))


def next_starts(
    starts: Sequence[float], now: float, limit: float, window: float
) -> Iterator[float]:
    """The earliest times from `now` on for one more start and another, each added to `starts`.

    A window is half open: a start exactly `window` seconds after another is outside of it. Any
    `limit` neighbouring starts first..last that share a window forbid the times t with
    last - window < t < first + window. These intervals come in rising order, and so do the times
    that are found: one pass over the starts finds them all.
    """
    if math.isinf(limit):
        yield from repeat(now)
    ordered = sorted(starts)
    time, at, limit = now, 0, int(limit)
    while True:
        while at + limit <= len(ordered):
            first, last = ordered[at], ordered[at + limit - 1]
            if last - window >= time:
                break
            if last - first < window and time < first + window:
                time = first + window
            at += 1
        yield time
        place = bisect_right(ordered, time)
        ordered.insert(place, time)
        # Only what shares a window with the new start can forbid anything from here on.
        back = max(place - limit + 1, bisect_right(ordered, time - window), 0)
        at = min(at, back)


def plan(session: Session, user: User, settings: QueueSettings, now: float) -> float:
    """When the next clip of a locked user may start."""
    planned = session.scalars(_PLANNED, {"user": user.id})
    starts = [*user.starts, *planned]
    limit = limit_of(user.throttle_starts, settings)
    return next_start(starts, now, limit, settings.throttle_window_seconds)


def replan(session: Session, user: User, settings: QueueSettings, now: float) -> None:
    """Plans the waiting clips of a locked user again, in order, after a planned start has become
    free. Clips whose time has come keep it."""
    waiting = _unstarted(user.id).where(Clip.start_at > now).order_by(Clip.start_at, Clip.id)
    _replan_clips(session, user, waiting, settings, now)


def reschedule(session: Session, user: User, settings: QueueSettings, now: float) -> int:
    """Moves all ready clips of a locked user to later starts, in order, because the user has had
    all starts of the window. After a standstill there may be many. Returns how many."""
    in_line = _unstarted(user.id).where(Clip.ready).order_by(Clip.turn, Clip.id)
    return _replan_clips(session, user, in_line, settings, now, ready=False)


def _unstarted(user_id: str | BindParameter[str]) -> Select[Clip]:
    in_lane = and_(PENDING, Clip.lane == INTERACTIVE)
    return select(Clip).where(Clip.user_id == user_id, in_lane, Clip.started_at.is_(None))


_PLANNED = _unstarted(bindparam("user", type_=String)).with_only_columns(Clip.start_at)


def _replan_clips(
    session: Session,
    user: User,
    moving: Select[Clip],
    settings: QueueSettings,
    now: float,
    **also: bool,
) -> int:
    """Skips clips that another transaction has locked: waiting for one that itself waits for the
    user's row would be a deadlock. Sets `also` with the new times. Returns how many clips move."""
    locked = moving.with_for_update(skip_locked=True, key_share=True)
    moved = session.scalars(locked.with_only_columns(Clip.id)).all()
    others = _unstarted(user.id).with_only_columns(Clip.id, Clip.start_at)
    still = set(moved)
    planned = [start for clip_id, start in session.execute(others) if clip_id not in still]
    limit = limit_of(user.throttle_starts, settings)
    window = settings.throttle_window_seconds
    times = next_starts([*user.starts, *planned], now, limit, window)
    rows = [
        {"id": clip_id, "start_at": time, **also}
        for clip_id, time in zip(moved, times, strict=False)
    ]
    if rows:
        session.execute(update(Clip), rows)
    return len(rows)


def may_start(
    starts: Sequence[float], settings: QueueSettings, now: float, own: int | None = None
) -> bool:
    """Whether a locked user may start one more clip now, by the actual `starts` alone. `own` is
    the `throttle_starts` of the account."""
    limit, window = limit_of(own, settings), settings.throttle_window_seconds
    return next_start(starts, now, limit, window) <= now


def with_start(
    starts: Sequence[float], settings: QueueSettings, now: float, own: int | None = None
) -> list[float]:
    """The starts to keep after a start now: only the newest that the throttle allows can forbid
    another.
    Starts a window or more ahead, from before the clock was set back, would displace the others,
    and are dropped."""
    ahead = now + settings.throttle_window_seconds
    kept = max(own or 0, settings.throttle_starts)
    return sorted([*(start for start in starts if start < ahead), now])[-kept:]
