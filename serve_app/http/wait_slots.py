"""Bounds on the requests that wait in this process, per user and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

MAX_WAITING_PER_USER = 20
"""Waiting requests of one user."""
MAX_WAITING = 100
MAX_REQUESTS = 2 * MAX_WAITING
"""Requests that an ingress replica admits. Half of them is left for those that do not wait."""
MAX_STRANGERS, MAX_STRANGERS_PER_ADDRESS = 40, 10
"""Connections whose user is not known yet, in all and of one address."""


class WaitSlots:
    """Counts the waiting requests of each user. For use on one event loop."""

    def __init__(self, most: int = MAX_WAITING, most_of_user: int = MAX_WAITING_PER_USER) -> None:
        self._most, self._most_of_user = most, most_of_user
        self._of_user: Counter[str] = Counter()

    def has_room(self, user_id: str) -> bool:
        """Whether another request of the user may wait."""
        full = self._of_user.total() >= self._most
        return not full and self._of_user.get(user_id, 0) < self._most_of_user

    @contextmanager
    def hold(self, user_id: str) -> Iterator[bool]:
        """Holds a slot for the block, and yields whether there was one: whether the request may
        wait."""
        if not self.has_room(user_id):
            yield False
            return
        self._of_user[user_id] += 1
        try:
            yield True
        finally:
            self._of_user[user_id] -= 1
            if not self._of_user[user_id]:
                del self._of_user[user_id]
