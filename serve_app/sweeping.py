"""Removes what nobody needs any more: what was interrupted, and what has had its time."""

from __future__ import annotations

import time

from serve_app import clips, streams, uploads, voices
from serve_app.db.engine import Database
from serve_app.jobs import key_of
from serve_app.settings import Settings
from serve_app.store import RESULT_PREFIXES, ObjectStore

STALE_SECONDS = 24 * 3600.0
"""No clip takes this long: what was begun earlier has lost its worker."""


def sweep(database: Database, store: ObjectStore, settings: Settings) -> None:
    """Finishes deletions that were interrupted between the object and the row, removes the
    recordings whose time is over, and the results and pieces whose worker is long gone."""
    long_ago = time.time() - STALE_SECONDS
    for prefix in RESULT_PREFIXES.values():
        store.abort_stale_uploads(prefix, long_ago)
    store.delete_all(streams.PREFIX, long_ago)
    with database.transaction() as session:
        gone = clips.deleted(session, limit=100)
    for clip in gone:
        store.delete(key_of(clip))
        with database.transaction() as session:
            clips.forget(session, clip.id)
    uploads.sweep(database, store, settings, database.now)
    voices.sweep(database, store, database.now)
