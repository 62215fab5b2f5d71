"""One answer for all who ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")


class SingleFlight(Generic[Answer]):
    """Finds something out for one request at a time. Those that come meanwhile wait for the same
    answer, so that however many ask they take the threads of one. Used on the event loop only."""

    def __init__(self) -> None:
        self._under_way: asyncio.Task[Answer] | None = None

    async def do(self, call: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """What `call` gives or raises."""
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(call())
        # Whoever goes away takes the answer from nobody.
        return await asyncio.shield(self._under_way)
