"""Blocking work of a worker, off its event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from serve_app.db.engine import Database

T = TypeVar("T")

DATABASE_THREADS = 4


class Threads:
    """Two pools, so that a slow store never holds up the renewal of a lease."""

    def __init__(self, database: Database, media_threads: int) -> None:
        self._database = database
        self._records = ThreadPoolExecutor(DATABASE_THREADS, "records")
        self._media = ThreadPoolExecutor(media_threads, "media")

    async def transact(self, work: Callable[[Session, float], T], *, reading: bool = False) -> T:
        """One transaction, with the database's own time."""
        begin = self._database.reading if reading else self._database.transaction

        def run() -> T:
            with begin() as session:
                return work(session, self._database.now(session))

        return await _in(self._records, run)

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Whatever else takes long: the store, encoding, decoding."""
        return await _in(self._media, function, *arguments)


async def _in(pool: ThreadPoolExecutor, function: Callable[..., T], *arguments: Any) -> T:
    """Runs a blocking call. One that is cancelled is waited for all the same: a thread cannot be
    interrupted, and what follows must not run beside it."""
    call = asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        await asyncio.wait([call])
        raise
