"""Single flight: concurrent callers share one call and its result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")


class SingleFlight(Generic[Answer]):
    """Runs one call at a time. Callers that arrive meanwhile get its result, so any number of them
    occupies the threads of one. For use on one event loop."""

    def __init__(self) -> None:
        self._under_way: asyncio.Task[Answer] | None = None

    async def do(self, call: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """The result of the running call, or of `call` where none runs. Raises what the call
        raises."""
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(call())
        # A cancelled caller does not cancel the call for the others.
        return await asyncio.shield(self._under_way)
