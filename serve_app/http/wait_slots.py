"""How many requests of one user, and of all, may wait in this process, so that they leave room for
others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

MAX_WAITING_PER_USER = 20
"""Of one user."""
MAX_WAITING = 100
MAX_REQUESTS = 2 * MAX_WAITING
"""Requests that a replica of the ingress takes in: those that do not wait have the other half."""


class WaitSlots:
    """Counts the waiting requests of each user. Used on the event loop only."""

    def __init__(self) -> None:
        self._of_user: Counter[str] = Counter()

    @contextmanager
    def hold(self, user_id: str) -> Iterator[bool]:
        """Whether the request may wait. It takes up a place, if there is one, until the end."""
        full = self._of_user.total() >= MAX_WAITING
        if full or self._of_user[user_id] >= MAX_WAITING_PER_USER:
            yield False
            return
        self._of_user[user_id] += 1
        try:
            yield True
        finally:
            self._of_user[user_id] -= 1
            if not self._of_user[user_id]:
                del self._of_user[user_id]
