"""Removes what nobody needs any more: what was interrupted, and what has had its time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from serve_app import clips, retention, streams, uploads, voices
from serve_app.db.engine import Database
from serve_app.db.models import Clip
from serve_app.jobs import key_of
from serve_app.settings import Settings
from serve_app.store import RESULT_PREFIXES, ObjectStore, StoreError

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 1_000
BATCHES = 10
OBJECTS_AT_ONCE = 100
GRACE_SECONDS = 600.0
"""Time for a worker to clear away itself what it made of a clip that has ended meanwhile."""


def sweep(database: Database, store: ObjectStore, settings: Settings) -> None:
    """One round, of bounded batches. What fails is logged, and does not keep the rest from being
    done. Times are those of the database."""
    with database.reading() as session:
        now = database.now(session)
    chores: list[Callable[[], object]] = [
        partial(_remove_interrupted, store, now - settings.clip_seconds - GRACE_SECONDS),
        partial(_forget_rows, database, settings, now),
        partial(_remove_deleted, database, store),
        partial(_remove_unwanted, database, store, now - GRACE_SECONDS),
        partial(uploads.sweep, database, store, settings, database.now),
        partial(voices.sweep, database, store, database.now),
    ]
    for chore in chores:
        try:
            chore()
        except (StoreError, SQLAlchemyError):
            logger.warning("a part of the sweep is left to the next one", exc_info=True)


def _remove_interrupted(store: ObjectStore, long_ago: float) -> None:
    """No try takes so long: what was begun earlier has lost its worker."""
    for prefix in RESULT_PREFIXES.values():
        store.abort_stale_uploads(prefix, long_ago)
    store.delete_all(streams.PREFIX, long_ago)


def _forget_rows(database: Database, settings: Settings, now: float) -> None:
    _in_batches(database, lambda s: retention.forget_sessions(s, now, ROWS_AT_ONCE))
    window = now - settings.sign_in_window_seconds
    _in_batches(database, lambda s: retention.forget_failures(s, window, ROWS_AT_ONCE))
    if settings.event_keep_seconds:
        oldest = now - settings.event_keep_seconds
        _in_batches(database, lambda s: retention.forget_events(s, oldest, ROWS_AT_ONCE))
    if settings.clip_keep_seconds:
        before = now - settings.clip_keep_seconds
        _in_batches(database, lambda s: retention.expire_clips(s, before, now, ROWS_AT_ONCE))


def _in_batches(database: Database, forget: Callable[[Session], int]) -> None:
    """Short transactions, so that nobody waits long."""
    for _ in range(BATCHES):
        with database.transaction() as session:
            if forget(session) < ROWS_AT_ONCE:
                return


def _remove_deleted(database: Database, store: ObjectStore) -> None:
    """Finishes deletions that were interrupted between the object and the row."""
    with database.reading() as session:
        gone = clips.deleted(session, OBJECTS_AT_ONCE)
    _each(database, store, gone, clips.forget)


def _remove_unwanted(database: Database, store: ObjectStore, before: float) -> None:
    """Removes what was made whole by a worker that died of clips that have failed since."""
    with database.reading() as session:
        left = clips.unwanted(session, before, OBJECTS_AT_ONCE)
    _each(database, store, left, clips.forget_result)


def _each(
    database: Database,
    store: ObjectStore,
    found: list[Clip],
    forget: Callable[[Session, str], None],
) -> None:
    for clip in found:
        store.delete(key_of(clip))
        with database.transaction() as session:
            forget(session, clip.id)
