"""The throttle: at most `throttle_starts` first starts per user in any `throttle_window_seconds`,
over all services.

It delays and never refuses. A submission plans its start from the user's past and planned starts. A
busy queue can start clips late and so bunch them, so the claim checks the actual starts again.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from serve_app.db.models import PENDING, Clip, User
from serve_app.settings import QueueSettings


def next_start(starts: Sequence[float], now: float, limit: int, window: float) -> float:
    """The earliest time from `now` on at which one more start may be added to `starts`.

    A window is half open: a start exactly `window` seconds after another is outside of it. Any
    `limit` neighbouring starts first..last that share a window forbid the times t with
    last - window < t < first + window. These intervals come in rising order, so one pass over
    them finds the first gap.
    """
    ordered = sorted(starts)
    time = now
    for first, last in zip(ordered, ordered[limit - 1 :], strict=False):
        if last - first < window and last - window < time < first + window:
            time = first + window
    return time


def plan(session: Session, user: User, settings: QueueSettings, now: float) -> float:
    """When the next clip of a locked user may start."""
    planned = session.scalars(_unstarted(user).with_only_columns(Clip.start_at))
    starts = [*user.starts, *planned]
    return next_start(starts, now, settings.throttle_starts, settings.throttle_window_seconds)


def replan(session: Session, user: User, settings: QueueSettings, now: float) -> None:
    """Plans the waiting clips of a locked user again, in order, after a planned start has become
    free. Clips whose time has come keep it."""
    waiting = _unstarted(user).where(Clip.start_at > now).order_by(Clip.start_at, Clip.id)
    _replan_clips(session, user, waiting, settings, now)


def reschedule(session: Session, user: User, settings: QueueSettings, now: float) -> None:
    """Moves all ready clips of a locked user to later starts, in order, because the user has had
    all starts of the window. All in one statement: after a standstill there may be many."""
    in_line = _unstarted(user).where(Clip.ready).order_by(Clip.turn, Clip.id)
    for clip in _replan_clips(session, user, in_line, settings, now):
        clip.ready = False


def _unstarted(user: User) -> Select[Clip]:
    return select(Clip).where(Clip.user_id == user.id, PENDING, Clip.started_at.is_(None))


def _replan_clips(
    session: Session, user: User, moving: Select[Clip], settings: QueueSettings, now: float
) -> Sequence[Clip]:
    """Skips clips that another transaction has locked: waiting for one that itself waits for the
    user's row would be a deadlock."""
    moved = session.scalars(
        moving.with_for_update(skip_locked=True, key_share=True),
        execution_options={"populate_existing": True},
    ).all()
    limit, window = settings.throttle_starts, settings.throttle_window_seconds
    others = _unstarted(user).where(Clip.id.not_in([clip.id for clip in moved]))
    starts = [*user.starts, *session.scalars(others.with_only_columns(Clip.start_at))]
    for clip in moved:
        clip.start_at = next_start(starts, now, limit, window)
        starts.append(clip.start_at)
    return moved


def may_start(starts: Sequence[float], settings: QueueSettings, now: float) -> bool:
    """Whether a locked user may start one more clip now, by the actual `starts` alone."""
    limit, window = settings.throttle_starts, settings.throttle_window_seconds
    return next_start(starts, now, limit, window) <= now


def with_start(starts: Sequence[float], settings: QueueSettings, now: float) -> list[float]:
    """The starts to keep after a start now: only the newest `throttle_starts` can forbid another.
    Starts a window or more ahead, from before the clock was set back, would displace the others,
    and are dropped."""
    ahead = now + settings.throttle_window_seconds
    return sorted([*(start for start in starts if start < ahead), now])[-settings.throttle_starts :]
