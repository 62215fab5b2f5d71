"""The order in which waiting segments are admitted: start-time fair queuing with lanes. Pure
Python; the caller passes the time.

The lanes are: first segments of a clip, later segments, bulk work. Within a lane users take turns
by the work they were given: each user has a virtual time that grows by the cost served, and the
user furthest behind goes next. Age breaks ties. An item that has waited for `max_wait` moves to the
first lane, so that no lane starves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

FIRST, LATER, BULK = range(3)


@dataclass(frozen=True, slots=True)
class Ticket:
    """The owner of an item and its cost: `length` in tokens or frames."""

    key: str
    user: str
    index: int = 0
    length: int = 1
    bulk: bool = False

    @property
    def lane(self) -> int:
        if self.bulk:
            return BULK
        return FIRST if self.index == 0 else LATER


Fits = Callable[[Ticket], bool]


@dataclass(slots=True)
class QueuedItem(Generic[T]):
    """An item in the queue: `seq` is its place by age, `since` the time of its arrival in
    seconds."""

    ticket: Ticket
    item: T
    seq: int
    since: float


@dataclass(slots=True)
class _Account(Generic[T]):
    """The lanes of one user with something queued."""

    virtual: float
    lanes: tuple[deque[QueuedItem[T]], ...] = field(
        default_factory=lambda: (deque(), deque(), deque())
    )

    def empty(self) -> bool:
        return not any(self.lanes)


class FairQueue(Generic[T]):
    """The queue of items of many users, in the order above."""

    def __init__(self, max_wait: float = 15.0) -> None:
        self._max_wait = max_wait
        self._accounts: dict[str, _Account[T]] = {}
        self._ahead: dict[str, float] = {}
        self._seq = 0
        self._virtual = 0.0

    def __len__(self) -> int:
        return sum(len(lane) for account in self._accounts.values() for lane in account.lanes)

    def push(self, ticket: Ticket, item: T, now: float) -> None:
        account = self._accounts.get(ticket.user)
        if account is None:
            # Idle time earns no credit, and a short absence cancels no debt.
            start = max(self._virtual, self._ahead.pop(ticket.user, 0.0))
            account = self._accounts[ticket.user] = _Account(start)
        account.lanes[ticket.lane].append(QueuedItem(ticket, item, self._seq, now))
        self._seq += 1

    def peek(self, now: float) -> QueuedItem[T] | None:
        """The item that `pop` takes at this time."""
        found = self._next(now)
        if found is None:
            return None
        _, lane, place = found
        return lane[place]

    def pop(self, now: float, fits: Fits | None = None) -> QueuedItem[T] | None:
        """Removes and returns the first item in order, or the first for which `fits` holds."""
        found = self._next(now, fits)
        if found is None:
            return None
        account, lane, place = found
        queued = lane[place]
        del lane[place]
        self._virtual = max(self._virtual, account.virtual)
        account.virtual += queued.ticket.length
        if account.empty():
            self._retire(queued.ticket.user)
        return queued

    def remove(self, key: str) -> QueuedItem[T] | None:
        """Removes and returns an item, wherever it is queued."""
        for user, account in self._accounts.items():
            for lane in account.lanes:
                for queued in lane:
                    if queued.ticket.key == key:
                        lane.remove(queued)
                        if account.empty():
                            self._retire(user)
                        return queued
        return None

    def _next(
        self, now: float, fits: Fits | None = None
    ) -> tuple[_Account[T], deque[QueuedItem[T]], int] | None:
        """The account, the lane, and the index in it of the first item in order."""
        best: tuple[tuple[int, float, int], _Account[T], deque[QueuedItem[T]], int] | None = None
        for account in self._accounts.values():
            for rank, lane in enumerate(account.lanes):
                place = _first(lane, fits)
                if place is None:
                    continue
                urgency = FIRST if now - lane[place].since >= self._max_wait else rank
                order = (urgency, account.virtual, lane[place].seq)
                if best is None or order < best[0]:
                    best = (order, account, lane, place)
        return best[1:] if best else None

    def _retire(self, user: str) -> None:
        """Drops a user with nothing queued, but keeps the virtual time of one who is ahead."""
        self._ahead[user] = self._accounts.pop(user).virtual
        self._ahead = {user: at for user, at in self._ahead.items() if at > self._virtual}


def _first(lane: deque[QueuedItem[T]], fits: Fits | None) -> int | None:
    if fits is None:
        return 0 if lane else None
    return next((place for place, each in enumerate(lane) if fits(each.ticket)), None)
