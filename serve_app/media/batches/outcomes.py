"""What became of the lines of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from serve_app.db.models import BULK, CANCELLED, PENDING, Batch, BatchFailure, Clip
from serve_app.media.batches.leases import held

LINE_STATES = ("waiting", "pending", "succeeded", "failed", "cancelled")


def under_way(session: Session) -> tuple[int, dict[str, int]]:
    """How many batches have not ended, and how many lines of theirs are in each state."""
    sums = (func.coalesce(func.sum(getattr(Batch, name)), 0) for name in LINE_STATES)
    query = select(func.count(), *sums).where(Batch.finished_at.is_(None))
    count, *lines = session.execute(query).one()
    return int(count), {name: int(sum_) for name, sum_ in zip(LINE_STATES, lines, strict=True)}


def running(session: Session, batch: Batch) -> int:
    """How many clips of the batch workers hold. At most a window is looked through."""
    held = select(func.count()).where(
        PENDING, Clip.user_id == batch.user_id, Clip.lane == BULK, Clip.batch_id == batch.id
    )
    return int(session.scalars(held.where(Clip.lease.is_not(None))).one())


def ended_after(session: Session, batch: Batch, limit: int) -> tuple[int, Sequence[Clip]]:
    """The line, at most `limit` after the last delivered one, up to which all lines have ended; and
    the clips that became of these lines, in order. A line whose clip was deleted has ended."""
    last = settled(session, batch, batch.delivered, limit)
    lines = Clip.line_no.between(batch.delivered + 1, last)
    ended = select(Clip).where(Clip.batch_id == batch.id, lines).order_by(Clip.line_no)
    return last, session.scalars(ended).all()


def settled(session: Session, batch: Batch, after: int, limit: int) -> int:
    """The line, at most `limit` after this one, up to which all lines have ended."""
    later = and_(Clip.batch_id == batch.id, Clip.line_no > after)
    pending = select(Clip.line_no).where(later, PENDING).order_by(Clip.line_no).limit(1)
    first = session.scalars(pending).one_or_none()
    return min(batch.cursor if first is None else first - 1, after + limit)


def failures_after(
    session: Session, batch_id: str, after: int, limit: int
) -> Sequence[BatchFailure]:
    """The next lines that failed before they became clips."""
    query = select(BatchFailure).where(
        BatchFailure.batch_id == batch_id, BatchFailure.line_no > after
    )
    return session.scalars(query.order_by(BatchFailure.line_no).limit(limit)).all()


def deliver(session: Session, batch_id: str, token: str, line: int) -> bool:
    """Records that the results up to `line` are written. False if the lease was lost."""
    batch = held(session, batch_id, token)
    if batch is None:
        return False
    batch.delivered = line
    return True


def failed_after(session: Session, batch_id: str, after: int, limit: int) -> list[int]:
    """The numbers of the next lines that failed, before or after they became clips."""
    clips = select(Clip.line_no).where(
        Clip.batch_id == batch_id, Clip.line_no > after, Clip.failed, Clip.error_code != CANCELLED
    )
    made = session.scalars(clips.order_by(Clip.line_no).limit(limit)).all()
    refused = [each.line_no for each in failures_after(session, batch_id, after, limit)]
    return sorted([*(line for line in made if line is not None), *refused])[:limit]


_RESULT = select(
    Clip.line_no,
    Clip.line_id,
    Clip.id,
    Clip.service,
    Clip.s3_key,
    Clip.failed,
    Clip.error_code,
    Clip.error,
    Clip.bytes,
    Clip.audio_seconds,
    Clip.credits,
    Clip.attempts,
    Clip.timings,
    Clip.options,
)


def result_rows(session: Session, batch_id: str, first: int, last: int) -> Sequence[Any]:
    """What results tell of the clips of lines `first` to `last`, in order, without texts."""
    lines = and_(Clip.batch_id == batch_id, Clip.line_no.between(first, last))
    return session.execute(_RESULT.where(lines).order_by(Clip.line_no)).all()
