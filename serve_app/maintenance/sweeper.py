"""Removes what nobody needs any more: what was interrupted, and what has had its time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from serve_app.db.engine import Database
from serve_app.db.models import Clip
from serve_app.maintenance import recovery, retention
from serve_app.media import clips, live_audio, uploads, voices
from serve_app.settings import Settings
from serve_app.storage.object_keys import RESULT_PREFIXES, id_in, result_key
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import StoreError

logger = logging.getLogger(__name__)

BATCH_SIZE = 1_000
BATCHES = 10
OBJECT_BATCH_SIZE = 100
GRACE_LEASES = 4
"""How many leases a worker has to clear away itself what it made of a clip that has ended, or was
taken from it, meanwhile: it learns of that within one."""


def sweep(database: Database, store: ObjectStore, settings: Settings) -> None:
    """One round, of bounded batches. What fails is logged, and does not keep the rest from being
    done. Times are those of the database."""
    with database.reading() as session:
        now = database.now(session)
    left_before = now - GRACE_LEASES * settings.lease_seconds
    chores: list[Callable[[], object]] = [
        partial(_abort_uploads, database, store, left_before),
        partial(_remove_pieces, database, store, left_before),
        partial(_purge_rows, database, settings, now),
        partial(_remove_deleted, database, store),
        partial(_remove_orphaned_results, database, store, left_before),
        partial(uploads.sweep, database, store, settings, database.now),
        partial(voices.sweep, database, store, database.now),
    ]
    for chore in chores:
        try:
            chore()
        except (StoreError, SQLAlchemyError):
            logger.warning("a part of the sweep is left to the next one", exc_info=True)


def _abort_uploads(database: Database, store: ObjectStore, before: float) -> None:
    """Aborts what a dead worker began, and what a lost answer of the store left open: uploads of
    clips that nobody makes. The next try of a clip aborts those of its own key."""
    for prefix in RESULT_PREFIXES.values():
        begun = [each for each in store.list_multipart(prefix) if each.started_at < before]
        wanted = _leased_clips(database, {id_in(each.key) for each in begun})
        for each in begun:
            if id_in(each.key) not in wanted:
                store.abort(each)


def _remove_pieces(database: Database, store: ObjectStore, before: float) -> None:
    """Removes the pieces of streams that nobody makes any more."""
    old = [each.key for each in store.objects(live_audio.PREFIX) if each.modified_at < before]
    wanted = _leased_clips(database, {id_in(key) for key in old})
    for key in old:
        if id_in(key) not in wanted:
            store.delete(key)


def _leased_clips(database: Database, clip_ids: set[str]) -> set[str]:
    with database.reading() as session:
        return recovery.leased_clips(session, clip_ids)


def _purge_rows(database: Database, settings: Settings, now: float) -> None:
    _in_batches(database, lambda s: retention.purge_sessions(s, now, BATCH_SIZE))
    window = now - settings.sign_in_window_seconds
    _in_batches(database, lambda s: retention.purge_auth_attempts(s, window, BATCH_SIZE))
    if settings.event_keep_seconds:
        oldest = now - settings.event_keep_seconds
        _in_batches(database, lambda s: retention.purge_events(s, oldest, BATCH_SIZE))
    if settings.clip_keep_seconds:
        before = now - settings.clip_keep_seconds
        _in_batches(database, lambda s: retention.expire_clips(s, before, now, BATCH_SIZE))


def _in_batches(database: Database, purge: Callable[[Session], int]) -> None:
    """Short transactions, so that nobody waits long."""
    for _ in range(BATCHES):
        with database.transaction() as session:
            if purge(session) < BATCH_SIZE:
                return


def _remove_deleted(database: Database, store: ObjectStore) -> None:
    """Finishes deletions that were interrupted between the object and the row."""
    with database.reading() as session:
        gone = clips.deleted(session, OBJECT_BATCH_SIZE)
    _each(database, store, gone, clips.purge)


def _remove_orphaned_results(database: Database, store: ObjectStore, before: float) -> None:
    """Removes what was made whole by a worker that died of clips that have failed since."""
    with database.reading() as session:
        left = clips.orphaned_results(session, before, OBJECT_BATCH_SIZE)
    _each(database, store, left, clips.clear_result)


def _each(
    database: Database,
    store: ObjectStore,
    found: list[Clip],
    purge: Callable[[Session, str], None],
) -> None:
    for clip in found:
        store.delete(result_key(clip))
        with database.transaction() as session:
            purge(session, clip.id)
