"""Bulkheads: threads of their own for each kind of blocking work, with a share for each user.

What one kind waits for (a held row, a silent store, a processor) keeps no thread from another kind,
and what one user waits for keeps only that user's share from the others.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from serve_app.endings import ended
from serve_app.errors import ApiError

T = TypeVar("T")

_RETRY_SECONDS = 2
_SWITCH_SECONDS = 0.001


def switch_often() -> None:
    """Lets threads of Python take turns every millisecond: at the usual 5 ms each hop between loop
    and thread would wait so long for whatever else this process does (texts, encoding)."""
    sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_SECONDS))


class Busy(ApiError):
    """503 `busy`: as much is under way, or waits, as there is room for."""

    def __init__(self, message: str) -> None:
        super().__init__(503, "busy", message, retry_after=_RETRY_SECONDS)


@dataclass(frozen=True, slots=True)
class Size:
    """How much of one kind of work a process takes in."""

    threads: int
    share: int
    """Threads that one user may have at a time."""
    waiting: int
    """Calls that may wait besides, of one user."""
    waiting_in_all: int
    seconds: float = 10.0
    """A call that has waited for so long is refused: its client has lost patience, too."""


@dataclass(slots=True)
class _Call:
    user: str
    since: float
    function: Callable[[], Any]
    future: Future[Any]


class Bulkhead:
    """The threads of one kind of work. Users take turns. Safe to use from any thread or loop."""

    def __init__(self, name: str, size: Size, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.size = size
        self._clock = clock
        self._threads = ThreadPoolExecutor(size.threads, name)
        self._lock = Lock()
        self._running: Counter[str] = Counter()
        self._lanes: OrderedDict[str, deque[_Call]] = OrderedDict()
        """The calls that wait, of each user; the user whose turn is next comes first."""

    async def run(self, user: str, function: Callable[..., T], *arguments: Any) -> T:
        """What the function gives or raises; 503 `busy` where there is no room to wait, or no turn
        in time.

        A call that is cancelled while it runs is waited for: a thread cannot be interrupted, and
        what follows must not run beside it. One that waits is taken out.
        """
        submitted = self.submit(user, function, *arguments)
        future = asyncio.wrap_future(submitted)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if not submitted.cancel():
                await ended([future])
            raise

    def submit(self, user: str, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """The same for callers that are not on an event loop."""
        bound = contextvars.copy_context().run
        call = _Call(user, self._clock(), lambda: bound(function, *arguments), Future())
        with self._lock:
            lane = self._lanes.get(user, ())
            full = sum(map(len, self._lanes.values())) >= self.size.waiting_in_all
            at_once = not lane and self._may_start(user)
            if not at_once and (full or len(lane) >= self.size.waiting):
                raise self._busy()
            self._lanes.setdefault(user, deque()).append(call)
        self._start_next()
        return call.future

    def shutdown(self) -> None:
        """Waits for nothing. What has not begun never does."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _may_start(self, user: str) -> bool:
        return self._running.total() < self.size.threads and self._running[user] < self.size.share

    def _start_next(self) -> None:
        """Starts as many calls as there are threads for."""
        late: list[_Call] = []
        with self._lock:
            while (call := self._take(late)) is not None:
                self._running[call.user] += 1
                self._threads.submit(self._work, call)
        for call in late:
            call.future.set_exception(self._busy())

    def _take(self, late: list[_Call]) -> _Call | None:
        """The first call of the first user who may start one; those that waited too long go."""
        oldest = self._clock() - self.size.seconds
        for user in list(self._lanes):
            if not self._may_start(user):
                continue
            lane = self._lanes.pop(user)
            while lane:
                call = lane.popleft()
                if not call.future.set_running_or_notify_cancel():
                    continue
                if call.since < oldest:
                    late.append(call)
                    continue
                if lane:
                    self._lanes[user] = lane  # behind all the others
                return call
        return None

    def _work(self, call: _Call) -> None:
        try:
            result = call.function()
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller
            self._ended(call.user)
            call.future.set_exception(error)
        else:
            self._ended(call.user)
            call.future.set_result(result)

    def _ended(self, user: str) -> None:
        with self._lock:
            self._running[user] -= 1
            if not self._running[user]:
                del self._running[user]
        self._start_next()

    def _busy(self) -> Busy:
        return Busy(f"Too much is under way here ({self.name}). Try again in a moment.")
