"""Removes what is no longer needed: leftovers of interrupted work, and what has expired."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import TypeVar

from sqlalchemy.orm import Session

from serve_app.db.engine import Database
from serve_app.db.models import Clip
from serve_app.maintenance import recovery, retention
from serve_app.media import clips, uploads, voices
from serve_app.media.batches import leftovers
from serve_app.media.removals import Position, Removals
from serve_app.settings import Settings
from serve_app.storage.object_keys import RESULT_PREFIXES, id_in, result_key
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import StoreError, StoreUnavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")

BATCH_SIZE = 1_000
BATCHES = 10
GRACE_LEASES = 4
"""Leases for which a worker may itself clean up after a clip that has ended or was taken from it.
It learns of either within one."""


class Sweeper:
    """Rounds of bounded batches. What fails is logged, and does not keep the rest from being done.
    Times are those of the database."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        settings: Settings,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """`stop` is asked now and then: a round may be cut short."""
        self._database = database
        self._store = store
        self.settings = settings
        self._removals = Removals(stop)

    def remove_deleted(self) -> None:
        """What users have deleted since the last time: soon, and cheap where there is nothing."""
        place = (self._database, self._store)
        self._each_of(
            self._remove_deleted_clips,
            partial(uploads.remove_deleted, *place, self._database.now, self._removals),
            partial(voices.sweep, *place, self._database.now, self._removals),
        )

    def sweep(self) -> None:
        """All that nobody needs any more."""
        database, store, settings = self._database, self._store, self.settings
        with database.reading() as session:
            now = database.now(session)
        left_before = now - GRACE_LEASES * settings.lease_seconds
        self._each_of(
            partial(_abort_uploads, database, store, left_before),
            partial(_purge_rows, database, settings, now),
            partial(self._remove_orphaned_results, left_before),
            partial(uploads.sweep, database, store, settings, database.now, self._removals),
            partial(_remove_copies, database, store, settings, now),
            self.remove_deleted,
        )

    def _each_of(self, *chores: Callable[[], object]) -> None:
        for chore in chores:
            try:
                chore()
            except Exception:
                logger.warning("a part of the sweep is left to the next one", exc_info=True)

    def _remove_deleted_clips(self) -> None:
        self._remove_results("deleted clip", clips.deleted, _deleted_at, clips.purge)

    def _remove_orphaned_results(self, before: float) -> None:
        """Removes what was made whole by a worker that died of clips that have failed since."""
        self._remove_results(
            "result of a clip that failed",
            lambda session, after: clips.orphaned_results(session, before, after),
            _finished_at,
            clips.clear_result,
        )

    def _remove_results(
        self,
        kind: str,
        find: Callable[[Session, Position], list[Clip]],
        position: Callable[[Clip], Position],
        forget: Callable[[Session, str], None],
    ) -> None:
        def page(after: Position) -> list[Clip]:
            with self._database.reading() as session:
                return find(session, after)

        def remove(clip: Clip) -> None:
            self._store.delete(result_key(clip))
            with self._database.transaction() as session:
                forget(session, clip.id)

        self._removals.each(kind, page, position, remove)


def _deleted_at(clip: Clip) -> Position:
    return clip.deleted_at or 0.0, clip.id


def _finished_at(clip: Clip) -> Position:
    return clip.finished_at or 0.0, clip.id


def _abort_uploads(database: Database, store: ObjectStore, before: float) -> None:
    """Aborts multipart uploads of clips that nobody makes: those of dead workers, and those left
    open by a lost answer of the store. The next attempt at a clip aborts those of its own key."""
    for prefix in RESULT_PREFIXES.values():
        begun = [each for each in store.list_multipart(prefix) if each.started_at < before]
        wanted = _leased_clips(database, {id_in(each.key) for each in begun})
        unwanted = [each for each in begun if id_in(each.key) not in wanted]
        _all("upload", store.abort, unwanted)


def _remove_copies(database: Database, store: ObjectStore, settings: Settings, now: float) -> None:
    before = now - leftovers.IN_FLIGHT_SECONDS
    copies = leftovers.found(database, store, settings, before)
    _all("copy of a batch", store.delete, list(islice(copies, BATCHES * BATCH_SIZE)))


def _all(kind: str, remove: Callable[[T], object], found: list[T]) -> None:
    """Removes each, but for those that the store refuses to."""
    for each in found:
        try:
            remove(each)
        except StoreUnavailable:
            raise
        except StoreError:
            logger.warning("a %s cannot be removed now", kind, exc_info=True)


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
        _in_batches(database, lambda s: retention.purge_batches(s, before, BATCH_SIZE))


def _in_batches(database: Database, purge: Callable[[Session], int]) -> None:
    """Runs `purge` in short transactions, so that nobody waits long for one."""
    for _ in range(BATCHES):
        with database.transaction() as session:
            if purge(session) < BATCH_SIZE:
                return
