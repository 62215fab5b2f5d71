"""Checks of the states of clips, and of what is held for them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from sqlalchemy import and_, case, or_, select

from serve_app.db.models import PENDING, Clip
from serve_app.maintenance import recovery
from serve_app.maintenance.doctor.check_context import CheckContext, Finding
from serve_app.storage.object_keys import RESULT_PREFIXES, id_in
from serve_app.storage.store import MultipartUpload

_STORED = Clip.s3_key.is_not(None)
_WRONG_STATES = {
    "succeeded and failed at once": and_(_STORED, Clip.failed),
    "succeeded without a size or a length": and_(
        _STORED, or_(Clip.bytes.is_(None), Clip.audio_seconds.is_(None))
    ),
    "failed without a reason": and_(Clip.failed, Clip.error_code.is_(None)),
    "ended without a time": and_(~PENDING, Clip.finished_at.is_(None)),
    "pending, and yet deleted or ended": and_(
        PENDING, or_(Clip.finished_at.is_not(None), Clip.deleted_at.is_not(None))
    ),
}


def states(context: CheckContext) -> Iterator[Finding]:
    """Every clip is in exactly one state, with the columns that belong to it."""
    problem = case(*((wrong, name) for name, wrong in _WRONG_STATES.items()))
    context.count(Clip)
    query = select(Clip.id, problem).where(or_(*_WRONG_STATES.values()))
    for clip_id, name in context.rows(query, Clip.id):
        yield Finding(f"clip {clip_id}", f"is {name}")


def leases(context: CheckContext) -> Iterator[Finding]:
    """No lease of a pending clip is long expired, and no ended clip has one."""
    before = context.before()
    held = or_(Clip.lease.is_not(None), and_(~PENDING, Clip.ready))
    query = select(Clip.id, PENDING, Clip.lease_until).where(held)
    for clip_id, pending, until in context.rows(query, Clip.id):
        context.examined.add()
        repair = partial(_release, context, clip_id, before)
        if not pending:
            yield Finding(f"clip {clip_id}", "has ended and is held or in line", repair)
        elif until < before:
            problem = "is held by a worker that has not renewed its lease for long"
            yield Finding(f"clip {clip_id}", problem, repair)


def _release(context: CheckContext, clip_id: str, before: float) -> bool:
    with context.database.transaction() as session:
        return recovery.release_expired(session, clip_id, before)


def multipart_uploads(context: CheckContext) -> Iterator[Finding]:
    """No multipart upload of a result is open that nobody writes."""
    before = context.before()
    for prefix in RESULT_PREFIXES.values():
        for upload in context.store.list_multipart(prefix):
            context.examined.add()
            if upload.started_at < before and not context.is_made(id_in(upload.key)):
                repair = partial(_abort, context, upload)
                yield Finding(f"upload of {upload.key}", "is open and nobody writes it", repair)


def _abort(context: CheckContext, upload: MultipartUpload) -> bool:
    if context.is_made(id_in(upload.key)):
        return False
    context.store.abort(upload)
    return True
