"""The throttle: at most `limit` first starts per user in any `window` seconds, over all services.

It delays and never refuses. A start is planned when a clip is submitted, from the user's past
starts and those planned already; because a busy queue can start clips late and so bunch them, the
claim checks the actual starts again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from serve_app.db.models import PENDING, Clip, User
from serve_app.settings import QueueSettings


def next_start(starts: Sequence[float], now: float, limit: int, window: float) -> float:
    """The earliest time from `now` on at which one more start may be added to `starts`."""
    return next(next_starts(starts, now, limit, window))


def next_starts(starts: Sequence[float], now: float, limit: int, window: float) -> Iterator[float]:
    """The earliest times from `now` on for one more start and another, each added to `starts`.

    A window is half open: a start exactly `window` seconds after another is outside of it. Any
    `limit` neighbouring starts first..last that share a window forbid the times t with
    last - window < t < first + window. These intervals come in rising order, and so do the times
    that are found: one pass over the starts finds them all.
    """
    ordered = sorted(starts)
    time, at = now, 0
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
    planned = session.scalars(_unstarted(user).with_only_columns(Clip.start_at))
    starts = [*user.starts, *planned]
    return next_start(starts, now, settings.throttle_starts, settings.throttle_window_seconds)


def replan(session: Session, user: User, settings: QueueSettings, now: float) -> None:
    """Plan the waiting clips of a locked user anew, in their order: a planned start is free again.
    Those whose time has come keep it."""
    waiting = _unstarted(user).where(Clip.start_at > now).order_by(Clip.start_at, Clip.id)
    _replan_clips(session, user, waiting, settings, now)


def reschedule(session: Session, user: User, settings: QueueSettings, now: float) -> int:
    """Send all that a locked user has in line away until its time comes, in its order: the user has
    had all starts of the window. All at once, for it may be very much after a standstill. Returns
    how many clips that are."""
    in_line = _unstarted(user).where(Clip.ready).order_by(Clip.turn, Clip.id)
    return _replan_clips(session, user, in_line, settings, now, ready=False)


def _unstarted(user: User) -> Select[Clip]:
    return select(Clip).where(Clip.user_id == user.id, PENDING, Clip.started_at.is_(None))


def _replan_clips(
    session: Session,
    user: User,
    moving: Select[Clip],
    settings: QueueSettings,
    now: float,
    **also: bool,
) -> int:
    """Those that another transaction is changing stay: waiting for one that in turn waits for the
    user's row would never end. `also` is set with the new times. Returns how many clips move."""
    locked = moving.with_for_update(skip_locked=True, key_share=True)
    moved = session.scalars(locked.with_only_columns(Clip.id)).all()
    others = _unstarted(user).with_only_columns(Clip.id, Clip.start_at)
    still = set(moved)
    planned = [start for clip_id, start in session.execute(others) if clip_id not in still]
    limit, window = settings.throttle_starts, settings.throttle_window_seconds
    times = next_starts([*user.starts, *planned], now, limit, window)
    rows = [
        {"id": clip_id, "start_at": time, **also}
        for clip_id, time in zip(moved, times)  # noqa: B905
    ]
    if rows:
        session.execute(update(Clip), rows)
    return len(rows)


def may_start(starts: Sequence[float], settings: QueueSettings, now: float) -> bool:
    """Whether one more clip of a locked user may start now, by the actual `starts` alone."""
    limit, window = settings.throttle_starts, settings.throttle_window_seconds
    return next_start(starts, now, limit, window) <= now


def with_start(starts: Sequence[float], settings: QueueSettings, now: float) -> list[float]:
    """What to remember of a start: only the newest `throttle_starts` can ever forbid another. Those
    a window or more ahead, from before the clock was set back, would crowd out the others."""
    ahead = now + settings.throttle_window_seconds
    return sorted([*(start for start in starts if start < ahead), now])[-settings.throttle_starts :]
