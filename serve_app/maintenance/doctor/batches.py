"""Checks of batches: their counts, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from sqlalchemy import ColumnElement, case, func, or_, select

from serve_app.db.models import PENDING, Batch, Clip
from serve_app.maintenance.doctor.check_context import CheckContext, Finding
from serve_app.media.batches import leftovers

_OF_BATCH = select(func.count()).where(Clip.batch_id == Batch.id, PENDING).correlate(Batch)
_HELD_BY_CLIPS = (
    select(func.coalesce(func.sum(Clip.credits), 0))
    .where(Clip.batch_id == Batch.id, PENDING)
    .correlate(Batch)
    .scalar_subquery()
)
_ENDED = Batch.finished_at.is_not(None)
_WRONG: dict[str, ColumnElement[bool]] = {
    "counts lines that do not add up to its total": (
        Batch.total
        != Batch.waiting + Batch.pending + Batch.succeeded + Batch.failed + Batch.cancelled
    ),
    "counts other pending lines than it has": Batch.pending != _OF_BATCH.scalar_subquery(),
    "has a price that is not what it holds, charged and released": (
        Batch.price != Batch.held + _HELD_BY_CLIPS + Batch.charged + Batch.released
    ),
    "holds another sum than its waiting lines cost": (
        Batch.held != Batch.waiting * Batch.line_credits
    ),
    "has ended with lines that have not": _ENDED & ((Batch.waiting > 0) | (Batch.pending > 0)),
}


def sums(context: CheckContext) -> Iterator[Finding]:
    """Counts and credits of every batch add up, and agree with its pending clips."""
    problem = case(*((wrong, name) for name, wrong in _WRONG.items()))
    context.count(Batch)
    query = select(Batch.id, problem).where(or_(*_WRONG.values()))
    for batch_id, name in context.rows(query, Batch.id):
        yield Finding(f"batch {batch_id}", str(name))


def copies(context: CheckContext) -> Iterator[Finding]:
    """No copy of a manifest or of a recording is left of a batch that has ended."""
    database, store, settings = context.database, context.store, context.settings
    for key in leftovers.found(database, store, settings, context.before()):
        context.examined.add()
        yield Finding(f"object {key}", "belongs to nothing", partial(_remove, context, key))


def _remove(context: CheckContext, key: str) -> bool:
    if leftovers.is_wanted(context.database, context.settings, key):
        return False
    context.store.delete(key)
    return True
