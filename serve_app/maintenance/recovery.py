"""Leases of clips whose worker may be gone, for the sweeper and the doctor."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from serve_app.db.models import PENDING, Clip, ClipState
from serve_app.jobs import queue


def leased_clips(session: Session, clip_ids: Collection[str]) -> set[str]:
    """Which of these clips have a lease: a worker holds them, or held them when it was lost and no
    claim has taken them since."""
    held = select(Clip.id).where(Clip.id.in_(clip_ids), PENDING, Clip.lease.is_not(None))
    return set(session.scalars(held))


def release_expired(session: Session, clip_id: str, before: float) -> bool:
    """Clears the lease of a clip if it expired before `before`, or if the clip has ended. A pending
    clip becomes ready, and its attempt counts as lost. False if neither holds."""
    clip = session.scalars(
        select(Clip).where(Clip.id == clip_id).with_for_update(key_share=True),
        execution_options={"populate_existing": True},
    ).one_or_none()
    if clip is None:
        return False
    pending = clip.state is ClipState.PENDING
    if pending and (clip.lease_until is None or clip.lease_until >= before):
        return False
    clip.losses += pending
    queue.clear_lease(clip, ready=pending)
    return True
