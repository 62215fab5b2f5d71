"""The counts of a batch, as its clips end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from serve_app.db.models import Batch, Clip, ClipState


def count_successes(session: Session, clips: Sequence[Clip]) -> None:
    """Counts clips that have succeeded, in the transaction that ends them."""
    by_batch: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.batch_id is not None:
            by_batch.setdefault(clip.batch_id, []).append(clip)
    for batch_id in sorted(by_batch):
        ended = by_batch[batch_id]
        counted = (
            update(Batch)
            .where(Batch.id == batch_id)
            .values(
                pending=Batch.pending - len(ended),
                succeeded=Batch.succeeded + len(ended),
                charged=Batch.charged + sum(clip.credits for clip in ended),
                audio_seconds=Batch.audio_seconds
                + sum(clip.audio_seconds or 0.0 for clip in ended),
            )
        )
        session.execute(counted, execution_options={"synchronize_session": False})


def count_end(session: Session, clip: Clip, to: ClipState) -> None:
    """Counts a clip of a batch that ends, in the transaction that ends it. Lock order: a clip, its
    user, its batch."""
    if clip.batch_id is None:
        return
    changes: dict[str, Any] = {"pending": Batch.pending - 1}
    if to is ClipState.SUCCEEDED:
        changes["succeeded"] = Batch.succeeded + 1
        changes["charged"] = Batch.charged + clip.credits
        changes["audio_seconds"] = Batch.audio_seconds + (clip.audio_seconds or 0.0)
    else:
        name = "failed" if to is ClipState.FAILED else "cancelled"
        changes[name] = getattr(Batch, name) + 1
        changes["released"] = Batch.released + clip.credits
    counted = update(Batch).where(Batch.id == clip.batch_id).values(**changes)
    session.execute(counted, execution_options={"synchronize_session": False})
