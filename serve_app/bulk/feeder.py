"""Keeps a window of a batch's lines in the queue, and delivers what has ended.

It computes nothing and may die at any point: the row of the batch says how far it was, and the same
command goes on from there.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Iterator
from itertools import islice
from threading import Event
from typing import Protocol

from serve_app.bulk.lines import LineMaker
from serve_app.bulk.validation import LineIds, duplicate
from serve_app.db.availability import is_unavailable
from serve_app.db.engine import Database
from serve_app.db.models import Batch, BatchState
from serve_app.media.batches import cancelling, feeding, leases
from serve_app.media.batches.lines import Line
from serve_app.media.batches.manifest import ManifestLine
from serve_app.settings import Settings
from serve_app.storage.store_errors import StoreUnavailable

logger = logging.getLogger("bernie.bulk")

CHUNK_LINES = 200
"""Lines that become clips in one transaction."""
_MIN_WINDOW = 200
_MAX_WINDOW = 1_000
_PAUSE_SECONDS = 1.0


class Deliverer(Protocol):
    """What is done with lines that have ended, and at the end of a batch."""

    def advance(self, batch: Batch, token: str) -> bool: ...
    def close(self, batch: Batch, now: float, /) -> None: ...


class Outcome(enum.Enum):
    DONE = "done"
    STOPPED = "stopped"
    LEASE_LOST = "lease lost"


def window_of(settings: Settings) -> int:
    """Lines of one batch in the queue at a time."""
    places = settings.worker_replicas * settings.worker_bulk_clips
    return settings.bulk_window or min(max(4 * places, _MIN_WINDOW), _MAX_WINDOW)


class Feeder:
    """Feeds one batch, whose lease `token` is. `lines` reads its manifest from the start."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        delivery: Deliverer,
        maker: LineMaker,
        lines: Callable[[], Iterator[ManifestLine]],
        batch: Batch,
        token: str,
        stopping: Event,
        report: Callable[[Batch], None],
    ) -> None:
        self._settings = settings
        self._database = database
        self._delivery = delivery
        self._maker = maker
        self._batch_id = batch.id
        self._token = token
        self._stopping = stopping
        self._report = report
        self._window = window_of(settings)
        self._chunk: list[Line] = []
        """Lines that were read, and are perhaps not yet added."""
        self._retry_before: float | None = None
        self._manifest = lines
        self._unread: Iterator[ManifestLine] | None = None

    def retry_failed(self, before: float) -> None:
        """Tries lines once more whose clips failed before this time."""
        self._retry_before = before

    def run(self) -> Outcome:
        """Returns when the batch has ended, when `stopping` is set, or when another feeder has
        taken over. Waits while the database or the store is away."""
        while not self._stopping.is_set():
            try:
                outcome = self._round()
            except StoreUnavailable as error:
                logger.warning("waiting for the store: %s", error)
                outcome = None
                self._stopping.wait(_PAUSE_SECONDS)
            except Exception as error:
                if not is_unavailable(error):
                    raise
                logger.warning("waiting for the database (%s)", type(error).__name__)
                outcome = None
                self._stopping.wait(_PAUSE_SECONDS)
            if outcome is not None:
                return outcome
        return Outcome.STOPPED

    def _round(self) -> Outcome | None:
        batch = self._renewed()
        if batch is None:
            return Outcome.LEASE_LOST
        self._report(batch)
        if batch.state == BatchState.CANCELLING:
            self._cancel()
        if self._feed(batch) or self._delivery.advance(batch, self._token):
            return None
        if batch.waiting == 0 and batch.pending == 0 and batch.delivered == batch.cursor:
            return self._close(batch)
        self._stopping.wait(self._settings.poll_seconds)
        return None

    def _renewed(self) -> Batch | None:
        with self._database.transaction() as session:
            now = self._database.now(session)
            seconds = self._settings.lease_seconds
            batch = leases.renew(session, self._batch_id, self._token, seconds, now)
            if batch is not None:
                cancelling.expire(session, batch, now)
            return batch

    def _feed(self, batch: Batch) -> bool:
        """Adds lines where there is room for a good many. False where nothing was to be done."""
        room, enough = self._window - batch.pending, min(self._window // 4, CHUNK_LINES)
        if batch.state == BatchState.CANCELLING or room < max(enough, 1):
            return False
        if self._retry_before is not None:
            if self._retry(batch, room, self._retry_before):
                return True
            self._retry_before = None
        if batch.state != BatchState.RUNNING or batch.waiting == 0:
            return False
        if self._chunk and self._chunk[-1].number <= batch.cursor:
            self._chunk = []  # it was added, though the answer was lost
        if not self._chunk:
            # A batch may have fewer lines than its manifest: as many as were paid for.
            self._chunk = self._next(batch.cursor, min(room, CHUNK_LINES, batch.waiting))
        if not self._chunk:
            raise RuntimeError("the manifest has fewer lines than it had")
        with self._database.transaction() as session:
            now = self._database.now(session)
            feeding.add_lines(session, batch, self._token, self._chunk, now)
        return True

    def _next(self, cursor: int, limit: int) -> list[Line]:
        """The next lines. Where one cannot be read or made now, the manifest is read again: those
        before it would be lost."""
        unread = self._unread or self._after(cursor)
        self._unread = None
        made = [self._maker.make(line, self._batch_id) for line in islice(unread, limit)]
        self._unread = unread
        return made

    def _retry(self, batch: Batch, room: int, before: float) -> bool:
        with self._database.transaction() as session:
            now = self._database.now(session)
            limit = min(room, CHUNK_LINES)
            return feeding.retry_failed(session, batch, self._token, before, limit, now) > 0

    def _cancel(self) -> None:
        cancelled = True
        while cancelled and not self._stopping.is_set():
            with self._database.transaction() as session:
                now = self._database.now(session)
                cancelled = cancelling.cancel_unstarted(session, self._batch_id, now) > 0

    def _close(self, batch: Batch) -> Outcome | None:
        with self._database.reading() as session:
            now = self._database.now(session)
        self._delivery.close(batch, now)
        with self._database.transaction() as session:
            ended = leases.finish(session, self._batch_id, self._token, now)
        return Outcome.DONE if ended else None

    def _after(self, cursor: int) -> Iterator[ManifestLine]:
        """The lines behind the cursor; of two with the same id the later is refused."""
        ids = LineIds()
        for line in self._manifest():
            new = ids.add(line.id)
            if line.number > cursor:
                yield line if new else ManifestLine(line.number, line.id, duplicate(line))
