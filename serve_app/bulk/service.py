"""Feeds batches that came over HTTP, in the worker's process: a thread for each, up to a bound.

Any number of workers may do so: a batch has one feeder at a time, by its lease. What one leaves
behind when it dies, another goes on with.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session

from serve_app.bulk import validation
from serve_app.bulk.delivery import Delivery
from serve_app.bulk.feeder import Deliverer, Feeder
from serve_app.bulk.lines import LineMaker
from serve_app.bulk.openai_lines import OpenAiLineMaker
from serve_app.bulk.validation import Validated
from serve_app.db.availability import is_unavailable
from serve_app.db.engine import Database
from serve_app.db.models import Batch, BatchState, User
from serve_app.errors import ApiError
from serve_app.media.batches import cancelling, leases, manifest, outcomes, records
from serve_app.media.batches.lines import Rejection
from serve_app.media.batches.manifest import ManifestLine
from serve_app.media.batches.places import open_manifest, place_of
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import StoreUnavailable

logger = logging.getLogger("bernie.bulk")

MAX_FEEDERS = 16
"""Batches that one worker feeds at a time; the others wait, the oldest first."""
_CONNECTIONS = 6
_LOOK_SECONDS = 1.0
_SETTLED_AT_ONCE = 1_000
_REST_SECONDS = 5.0
_MAX_TROUBLES = 10
"""A batch rests longer after each error in a row that nobody expected, about 5 minutes in all, and
then ends: what its lines hold would be held for ever."""
_FORGET_SECONDS = 3_600.0
_STOP_SECONDS = 5.0
_WORK_SECONDS = 0.02
"""A manifest is checked in Python, beside clips that are under way: as long as it was checked at a
time it pauses."""


class LeaseLost(Exception):
    """Another feeder has the batch, or the service stops."""


@dataclass(slots=True)
class _Feeding:
    """A batch and the thread that feeds it."""

    batch_id: str
    token: str


@dataclass(slots=True)
class _Trouble:
    """Errors of a batch in a row, and until when it rests (monotonic)."""

    count: int = 0
    until: float = 0.0


class BatchService:
    """Takes open batches and feeds them, from `start` to `stop`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._database = Database(settings.database(), _CONNECTIONS)
        self._store = ObjectStore(settings)
        self._stopping = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self._troubles: dict[str, _Trouble] = {}
        self._looking = threading.Thread(target=self._look, name="batches", daemon=True)

    def start(self) -> None:
        self._looking.start()

    def stop(self) -> None:
        """Lets go of all batches; another worker goes on with them."""
        self._stopping.set()
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in (self._looking, *self._threads.values()):
            thread.join(max(deadline - time.monotonic(), 0))
        self._database.dispose()

    def _look(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            self._threads = {name: each for name, each in self._threads.items() if each.is_alive()}
            room = MAX_FEEDERS - len(self._threads)
            if room <= 0:
                continue
            try:
                taken = self._take(room)
            except Exception as error:
                logger.warning("no batch was taken", exc_info=not is_unavailable(error))
                continue
            for feeding in taken:
                thread = threading.Thread(
                    target=self._feed, args=[feeding], name="feeder", daemon=True
                )
                self._threads[feeding.batch_id] = thread
                thread.start()

    def _take(self, room: int) -> list[_Feeding]:
        taken = []
        moment = time.monotonic()
        known = self._troubles.copy()
        for name in [name for name in known if known[name].until < moment - _FORGET_SECONDS]:
            self._troubles.pop(name, None)  # another worker has ended it
        resting = {name for name in known if known[name].until > moment}
        with self._database.transaction() as session:
            now = self._database.now(session)
            # A thread may be about to end.
            but = resting.union(self._threads)
            for batch in records.open_for_service(session, now, room, but):
                token = leases.take(session, batch.id, self.settings.lease_seconds, now)
                if token is not None:
                    taken.append(_Feeding(batch.id, token))
        return taken

    def _feed(self, feeding: _Feeding) -> None:
        """Whatever goes wrong, the batch is let go of, to be tried again in a while."""
        end: ApiError | None = None
        try:
            self._to_its_end(feeding)
            self._troubles.pop(feeding.batch_id, None)
        except LeaseLost:
            pass
        except ApiError as error:
            # The manifest is not there any more, or no longer what it was.
            end = error if error.status < 500 else self._rested(feeding, error)
        except Exception as error:  # noqa: BLE001 - it is told of
            end = self._rested(feeding, error)
        try:
            if end is not None:
                self._give_up(feeding, end)
            self._changed(feeding, lambda _session, batch, now: leases.release(batch, now))
        except Exception:  # noqa: BLE001 - it ends by itself
            logger.warning("the lease of batch %s is left to its end", feeding.batch_id)

    def _rested(self, feeding: _Feeding, error: Exception) -> ApiError | None:
        """Has a batch wait, in no thread. The reason to end it where it has waited often enough."""
        away = is_unavailable(error) or isinstance(error, StoreUnavailable)
        logger.warning("batch %s waits", feeding.batch_id, exc_info=None if away else error)
        trouble = self._troubles.setdefault(feeding.batch_id, _Trouble())
        trouble.count += not away
        trouble.until = time.monotonic() + _REST_SECONDS * max(trouble.count, 1)
        if trouble.count < _MAX_TROUBLES:
            return None
        return ApiError(500, "internal_error", "Something went wrong on our side.")

    def _to_its_end(self, feeding: _Feeding) -> None:
        with self._database.reading() as session:
            batch = session.get_one(Batch, feeding.batch_id)
            user = session.get_one(User, batch.user_id)
        if batch.state == BatchState.VALIDATING:
            self._renew(feeding)
        maker = self._maker(batch, user)
        if batch.state == BatchState.VALIDATING and not self._validated(feeding, batch, maker):
            return
        with self._database.reading() as session:
            batch = session.get_one(Batch, feeding.batch_id)
        delivery = self._delivery(batch)
        feeder = Feeder(
            self.settings,
            self._database,
            delivery,
            maker,
            partial(self._lines, batch),
            batch,
            feeding.token,
            self._stopping,
            lambda _batch: None,
        )
        feeder.run()

    def _delivery(self, batch: Batch) -> Deliverer:
        if batch.by_service:
            return _Notes(self._database, self._store)
        place = place_of(batch.output)
        return Delivery(self._database, place.store(self.settings), self.settings.s3_bucket, place)

    def _maker(self, batch: Batch, user: User) -> LineMaker:
        kind = OpenAiLineMaker if batch.options.get("shape") == "openai" else LineMaker
        defaults = batch.options.get("defaults", {})
        return kind(self.settings, self._database, self._store, user, defaults)

    def _lines(self, batch: Batch) -> Generator[ManifestLine]:
        """None of them where the batch has ended but for what is under way."""
        if batch.waiting == 0 and batch.state != BatchState.VALIDATING:
            return
        kind = manifest.format_of(batch.manifest, batch.options.get("format"))
        with closing(open_manifest(batch.manifest, self.settings)) as stream:
            yield from manifest.read(stream, batch.manifest, kind)

    def _validated(self, feeding: _Feeding, batch: Batch, maker: LineMaker) -> bool:
        """Whether the batch may begin. It is refused where lines cannot be used, unless such lines
        are to be skipped and there are others."""
        pace = _Pace(self._stopping, lambda: self._renew(feeding), self.settings.lease_seconds)

        def check(line: ManifestLine) -> Rejection | None:
            pace.rest()
            return maker.check(line)

        with closing(self._lines(batch)) as lines:
            found = validation.validate(lines, check)
        skip = batch.options.get("skip_invalid", False) and found.invalid < found.lines

        def decide(session: Session, batch: Batch, now: float) -> None:
            if batch.state != BatchState.VALIDATING:
                return
            if found.invalid and not skip:
                _refuse(session, batch, found, now)
            else:
                records.begin(batch)

        self._changed(feeding, decide)
        if found.invalid and not skip:
            self._store.delete(place_of(batch.manifest).key)
        return skip or not found.invalid

    def _renew(self, feeding: _Feeding) -> None:
        """Raises LeaseLost, also where the batch was cancelled meanwhile or its time is over."""
        with self._database.transaction() as session:
            now, seconds = self._database.now(session), self.settings.lease_seconds
            batch = leases.renew(session, feeding.batch_id, feeding.token, seconds, now)
            if batch is not None:
                cancelling.expire(session, batch, now)
            valid = batch is not None and batch.state == BatchState.VALIDATING
        if not valid:
            raise LeaseLost

    def _give_up(self, feeding: _Feeding, error: ApiError) -> None:
        logger.warning("batch %s ends: %s", feeding.batch_id, error.code)

        def end(session: Session, batch: Batch, now: float) -> None:
            if batch.state == BatchState.VALIDATING:
                records.refuse(session, batch, error.code, error.message, [], now)
            else:
                cancelling.end_early(session, batch, error.code, error.message)

        self._changed(feeding, end)
        with self._database.reading() as session:
            batch = session.get_one(Batch, feeding.batch_id)
        if batch.state == BatchState.REFUSED:
            self._store.delete(place_of(batch.manifest).key)

    def _changed(self, feeding: _Feeding, change: Callable[[Session, Batch, float], None]) -> None:
        """Changes the locked batch, if it is held still."""
        with self._database.transaction() as session:
            batch = leases.held(session, feeding.batch_id, feeding.token)
            if batch is not None:
                change(session, batch, self._database.now(session))


class _Notes:
    """Results of batches over HTTP are told from the database: nothing is written, and the copy of
    the manifest goes when all lines are clips."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store

    def advance(self, batch: Batch, token: str) -> bool:
        with self._database.reading() as session:
            ended = outcomes.settled(session, batch, batch.delivered, _SETTLED_AT_ONCE)
        if ended <= batch.delivered:
            return False
        with self._database.transaction() as session:
            return outcomes.deliver(session, batch.id, token, ended)

    def close(self, batch: Batch, _now: float) -> None:
        self._store.delete(place_of(batch.manifest).key)


def _refuse(session: Session, batch: Batch, found: Validated, now: float) -> None:
    line, why = found.problems[0]
    message = (
        f"{found.invalid} of {found.lines} lines cannot be used; the first is line {line.number} "
        f"({why.message})"
    )
    failures = [(line.number, line.id, why) for line, why in found.problems]
    records.refuse(session, batch, "invalid_manifest", message, failures, now)


class _Pace:
    """Pauses as long as it works, and renews the lease in time."""

    def __init__(
        self, stopping: threading.Event, renew: Callable[[], None], lease_seconds: float
    ) -> None:
        self._stopping = stopping
        self._renew = renew
        self._every = lease_seconds / 4
        self._begun = self._renewed = time.monotonic()

    def rest(self) -> None:
        """Raises LeaseLost."""
        now = time.monotonic()
        if now - self._begun < _WORK_SECONDS:
            return
        if self._stopping.wait(min(now - self._begun, 1.0)):
            raise LeaseLost
        if now - self._renewed >= self._every:
            self._renew()
            self._renewed = now
        self._begun = time.monotonic()
