"""The order in which waiting segments are admitted. Pure Python; the clock is the caller's.

First segments of a clip go before later ones, bulk work takes what is left, users take turns by the
work they were given (start-time fair queuing: each user has a virtual time that grows by the cost
served, and the user furthest behind goes next), and age breaks ties. Whoever has waited longer than
`max_wait` counts as first, so that no lane is starved.
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
    """Whose work it is and how much of it. `length` is the cost: tokens or frames."""

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
    """An item in the queue: `seq` is its place by age, `since` when it came (seconds)."""

    ticket: Ticket
    item: T
    seq: int
    since: float


@dataclass(slots=True)
class _Account(Generic[T]):
    """The lanes of one user with something waiting."""

    virtual: float
    lanes: tuple[deque[QueuedItem[T]], ...] = field(
        default_factory=lambda: (deque(), deque(), deque())
    )

    def empty(self) -> bool:
        return not any(self.lanes)


class FairQueue(Generic[T]):
    """Items of many users in the order above."""

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
            # Idle time earns no credit, and leaving the queue for a moment cancels no debt.
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
        """Takes out the first in order, or the first of those that fit."""
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

    def remove(self, key: str) -> T | None:
        """Takes a cancelled item out, wherever it stands."""
        for user, account in self._accounts.items():
            for lane in account.lanes:
                for queued in lane:
                    if queued.ticket.key == key:
                        lane.remove(queued)
                        if account.empty():
                            self._retire(user)
                        return queued.item
        return None

    def _next(
        self, now: float, fits: Fits | None = None
    ) -> tuple[_Account[T], deque[QueuedItem[T]], int] | None:
        """The account, the lane and the place in it of the first in order."""
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
        """Forgets a user with nothing waiting, but for the lead of those who are ahead."""
        self._ahead[user] = self._accounts.pop(user).virtual
        self._ahead = {user: at for user, at in self._ahead.items() if at > self._virtual}


def _first(lane: deque[QueuedItem[T]], fits: Fits | None) -> int | None:
    if fits is None:
        return 0 if lane else None
    return next((place for place, each in enumerate(lane) if fits(each.ticket)), None)
