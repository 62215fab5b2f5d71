"""Blocking work of a worker, off its event loop: threads of their own for each kind of it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from serve_app.bulkheads import Bulkhead, Size, switch_often
from serve_app.db.availability import is_unavailable
from serve_app.db.engine import Database
from serve_app.endings import ended

logger = logging.getLogger("bernie.worker")

T = TypeVar("T")

_RECORDS = Size(threads=6, share=2, waiting=10_000, waiting_in_all=100_000, seconds=math.inf)
_CHORE_THREADS = 3
_LOCK_THREADS = 4
CONNECTIONS = _RECORDS.threads + _CHORE_THREADS + _LOCK_THREADS + 2
"""What the threads of a worker need of the database: one each."""
_RETRY_SECONDS = (0.2, 2.0)
"""Shortest and longest wait before a transaction is tried again."""


class Threads:
    """One kind of work never waits for another: a slow store, a held row or a long sweep keeps
    neither the renewal of leases nor the next claim from a thread."""

    def __init__(self, database: Database, media_threads: int) -> None:
        switch_often()
        self._database = database
        self._records = Bulkhead("records", _RECORDS)
        self._leases = ThreadPoolExecutor(1, "leases")
        self._claims = ThreadPoolExecutor(1, "claims")
        self._locks = ThreadPoolExecutor(_LOCK_THREADS, "locks")
        self._chores = ThreadPoolExecutor(_CHORE_THREADS, "chores")
        self._media = ThreadPoolExecutor(media_threads, "media")

    async def transact(
        self, user: str, work: Callable[[Session, float], T], *, reading: bool = False
    ) -> T:
        """One transaction about something of a user, with the database's own time. Users have a
        share of the threads: a row that is held keeps only its own user's clips waiting."""
        return await self._records.run(user, self._transaction, work, reading)

    async def persist(
        self, user: str, work: Callable[[Session, float], T], *, reading: bool = False
    ) -> T:
        """The same, tried again for as long as the database cannot be used: for what would cost a
        whole computation. `work` may be run twice though the first has taken effect."""
        shortest, longest = _RETRY_SECONDS
        wait = shortest
        while True:
            try:
                return await self.transact(user, work, reading=reading)
            except Exception as error:
                if not is_unavailable(error):
                    raise
                logger.warning("the database cannot be used (%s)", type(error).__name__)
            await asyncio.sleep(wait)
            wait = min(2 * wait, longest)

    async def lease(self, work: Callable[[Session, float], T], *, reading: bool = False) -> T:
        """A transaction about the leases of all clips, on a thread of their own."""
        return await _in(self._leases, self._transaction, work, reading)

    async def lock(self, work: Callable[[Session, Callable[[], float]], T]) -> T:
        """A transaction that waits for a row which another has locked. It gets the database's
        clock, as the wait may be long."""
        return await _in(self._locks, self._with_clock, work, False)

    async def claim(self, work: Callable[[Session, float], T]) -> T:
        """A transaction that takes clips, on a thread of its own."""
        return await _in(self._claims, self._transaction, work, False)

    async def chore(self, function: Callable[..., T], *arguments: Any) -> T:
        """What is done now and then for all clips: the sweep, the count."""
        return await _in(self._chores, function, *arguments)

    def resize(self, media_threads: int) -> None:
        """What is under way ends on the threads that it has."""
        self._media.shutdown(wait=False)
        self._media = ThreadPoolExecutor(media_threads, "media")

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Whatever else takes long: the store, encoding, decoding."""
        return await _in(self._media, function, *arguments)

    def _transaction(self, work: Callable[[Session, float], T], reading: bool) -> T:
        return self._with_clock(lambda session, now: work(session, now()), reading)

    def _with_clock(self, work: Callable[[Session, Callable[[], float]], T], reading: bool) -> T:
        begin = self._database.reading if reading else self._database.transaction
        with begin() as session:
            return work(session, lambda: self._database.now(session))


async def _in(pool: ThreadPoolExecutor, function: Callable[..., T], *arguments: Any) -> T:
    """Runs a blocking call. One that is cancelled is waited for all the same: a thread cannot be
    interrupted, and what follows must not run beside it."""
    call = asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        await ended([call])
        raise
