"""Many successes of one user in one transaction: lines of batches end faster than rows that they
share can be locked one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from serve_app.accounts import credits
from serve_app.db.models import PENDING, Clip
from serve_app.jobs import batch_counts, events, queue
from serve_app.jobs.events import Kind


@dataclass(frozen=True, slots=True)
class Success:
    """The stored result of a clip that the lease `token` holds."""

    clip_id: str
    token: str
    s3_key: str
    bytes: int
    audio_seconds: float
    timings: dict[str, Any]


def succeed_all(
    session: Session, user_id: str, results: Sequence[Success], now: float, again: bool = False
) -> set[str]:
    """`queue.succeed` for clips of one user. The ids of those whose lease was held still; `again`
    also those that have succeeded, where an earlier call may have taken effect."""
    by_id = {each.clip_id: each for each in results}
    tokens = [each.token for each in results]
    locked = session.scalars(
        select(Clip)
        .where(Clip.id.in_(by_id), Clip.lease.in_(tokens), PENDING, Clip.user_id == user_id)
        .order_by(Clip.id)
        .with_for_update(key_share=True),
        execution_options={"populate_existing": True},
    ).all()
    held = [clip for clip in locked if clip.lease == by_id[clip.id].token]
    for clip in held:
        made = by_id[clip.id]
        clip.bytes, clip.audio_seconds, clip.timings = made.bytes, made.audio_seconds, made.timings
        clip.s3_key, clip.made_by, clip.finished_at = made.s3_key, None, now
        queue.clear_lease(clip, ready=False)
    session.flush()
    ended = {clip.id for clip in held}
    if held:
        credits.capture_all(session, user_id, held, now)
        told = {clip.id: {"seconds": clip.audio_seconds, "bytes": clip.bytes} for clip in held}
        events.record_each(session, Kind.FINISHED, told, now)
        events.forget_passing(session, ended)
        batch_counts.count_successes(session, held)
    missing = by_id.keys() - ended
    if again and missing:
        done = select(Clip.id).where(Clip.id.in_(missing), Clip.s3_key.is_not(None))
        ended |= set(session.scalars(done))
    return ended
