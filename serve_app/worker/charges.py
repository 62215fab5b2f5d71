"""Successes of lines of batches, recorded together: while one transaction is under way, the next
ones gather."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session

from serve_app.endings import ended
from serve_app.jobs import successes
from serve_app.jobs.successes import Success
from serve_app.worker.thread_pools import Threads

_AT_ONCE = 100


@dataclass(slots=True)
class _Waiting:
    success: Success
    saved: asyncio.Future[bool]


class Charges:
    """For use on one event loop."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._waiting: dict[str, deque[_Waiting]] = {}
        """Of each user for whom a transaction is under way, those that are not in it."""
        self._recording: set[asyncio.Task[None]] = set()

    async def record(self, user_id: str, success: Success) -> bool:
        """Charges a clip whose result is stored. False if its lease was lost."""
        waiting = _Waiting(success, asyncio.get_running_loop().create_future())
        lane = self._waiting.get(user_id)
        if lane is not None:
            lane.append(waiting)
        else:
            self._waiting[user_id] = deque([waiting])
            task = asyncio.create_task(self._record(user_id))
            self._recording.add(task)
            task.add_done_callback(self._recording.discard)
        try:
            return await asyncio.shield(waiting.saved)
        except asyncio.CancelledError:
            # The caller must not clear away what is about to be charged.
            await ended([waiting.saved])
            raise

    async def _record(self, user_id: str) -> None:
        lane = self._waiting[user_id]
        try:
            while lane:
                group = [lane.popleft() for _ in range(min(len(lane), _AT_ONCE))]
                await self._record_group(user_id, group)
        finally:
            del self._waiting[user_id]

    async def _record_group(self, user_id: str, group: list[_Waiting]) -> None:
        try:
            transaction = partial(_Transaction([each.success for each in group]), user_id)
            saved = await self._threads.persist(user_id, transaction)
        except BaseException as error:
            for each in group:
                if not each.saved.done():
                    each.saved.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for each in group:
            if not each.saved.done():
                each.saved.set_result(each.success.clip_id in saved)


class _Transaction:
    """May be run again where its answer was lost."""

    def __init__(self, results: list[Success]) -> None:
        self._results = results
        self._sent = False

    def __call__(self, user_id: str, session: Session, now: float) -> set[str]:
        again, self._sent = self._sent, True
        return successes.succeed_all(session, user_id, self._results, now, again)
