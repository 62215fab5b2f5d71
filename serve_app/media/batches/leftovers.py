"""Copies that a batch needs while it is under way: of its manifest, and of its recordings.

They are removed when it ends. Whatever prevents that leaves them to the sweep. The results of a job
lie beside them, and stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from serve_app.db.engine import Database
from serve_app.db.models import Batch
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore

PREFIX = "batches/"
_COPY = re.compile(PREFIX + r"([0-9a-f]{32})/(?:manifest\.[^/]*|sources/.+)")
_AT_ONCE = 500
IN_FLIGHT_SECONDS = 3_600.0
"""A manifest is copied and counted before there is a batch."""


def found(
    database: Database, store: ObjectStore, settings: Settings, before: float
) -> Iterator[str]:
    """The keys of copies written before a time that no batch needs."""
    old = (each.key for each in store.objects(PREFIX) if each.modified_at < before)
    copies = ((match[1], match[0]) for key in old if (match := _COPY.fullmatch(key)))
    while some := list(islice(copies, _AT_ONCE)):
        with database.reading() as session:
            wanted = _wanted(session, {batch_id for batch_id, _ in some}, settings, database)
        yield from (key for batch_id, key in some if batch_id not in wanted)


def is_wanted(database: Database, settings: Settings, key: str) -> bool:
    """Whether a batch needs this copy, as it is now."""
    batch_id = key.removeprefix(PREFIX).partition("/")[0]
    with database.reading() as session:
        return bool(_wanted(session, {batch_id}, settings, database))


def _wanted(
    session: Session, batch_ids: set[str], settings: Settings, database: Database
) -> set[str]:
    """Those under way. The failed lines of a job may be tried again for as long as uploads stay."""
    recently = database.now(session) - settings.upload_keep_seconds
    again = and_(~Batch.by_service, Batch.failed > 0, Batch.finished_at > recently)
    query = select(Batch.id).where(Batch.id.in_(batch_ids))
    return set(session.scalars(query.where(or_(Batch.finished_at.is_(None), again))))
