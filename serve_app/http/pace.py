"""How many requests a second one user is served: who asks more often waits, and takes nothing from
the others meanwhile.

Refusing costs the server nearly as much as answering, and whoever repeats a refused request at once
gains by it. A request that waits costs nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from serve_app.bulkheads import Busy

RATE = 20.0
"""Requests a second, of one user at one replica of the ingress."""
BURST = 40
"""Requests that may come at once after a rest."""
MESSAGE_RATE, MESSAGE_BURST = 100.0, 1_000
"""The same of messages over WebSockets: a text may come word by word."""
MAX_WAIT_SECONDS = 5.0
_REMEMBERED = 10_000
"""Users, and credentials whose user is known."""


class Pace:
    """A leaky bucket for each user (the generic cell rate algorithm). For one event loop."""

    def __init__(
        self,
        rate: float = RATE,
        burst: int = BURST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = 1 / rate
        self._allowed_ahead = (burst - 1) / rate
        self._clock = clock
        self._due: OrderedDict[str, float] = OrderedDict()
        """When the next request of each user would come at just this rate."""
        self._users: OrderedDict[str, str] = OrderedDict()

    def user_of(self, credential: str) -> str:
        """Whose share the requests of a credential are: its user's, once that has been seen. It
        says nothing about whether the credential is valid."""
        return self._users.get(credential, credential)

    def saw(self, credential: str, user_id: str) -> None:
        """The credential is of this user."""
        self._users[credential] = user_id
        self._users.move_to_end(credential)
        if len(self._users) > _REMEMBERED:
            self._users.popitem(last=False)

    def delay(self, user: str) -> float:
        """Seconds that a request of the user has to wait from now. Raises Busy where that is too
        long; then the request does not count."""
        now = self._clock()
        due = max(self._due.get(user, now), now)
        wait = max(0.0, round(due - now - self._allowed_ahead, 6))
        if wait > MAX_WAIT_SECONDS:
            raise Busy("Too many requests of this account come at once. Send fewer.")
        self._due[user] = due + self._interval
        self._due.move_to_end(user)
        if len(self._due) > _REMEMBERED:
            self._due.popitem(last=False)
        return wait

    async def wait(self, user: str) -> None:
        """Until it is the turn of a request of the user. Raises Busy."""
        if (seconds := self.delay(user)) > 0:
            await asyncio.sleep(seconds)
