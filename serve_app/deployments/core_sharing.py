"""How lanes that share a queue share the cores of their stage."""

from __future__ import annotations

import asyncio


class CoreSharing:
    """Segments side by side, with a part of the cores each, take less of them than one after the
    other with all: some of the work of a segment is one thread's. One that is alone has all cores,
    and is done sooner; others begin when it has ended.

    For one event loop.
    """

    def __init__(self, cores: int, lanes: int) -> None:
        self._cores = cores
        self._part = max(1, cores // lanes)
        self._computing = 0
        self._free = asyncio.Event()
        self._free.set()

    @property
    def taken(self) -> bool:
        """Whether one lane has all cores."""
        return not self._free.is_set()

    async def wait(self) -> None:
        """Until it may have ended."""
        await self._free.wait()

    def begin(self, alone: bool) -> int:
        """A lane computes from now on; `alone`: nothing waits. How many threads it may have."""
        self._computing += 1
        if alone and self._computing == 1:
            self._free.clear()
            return self._cores
        return self._part

    def end(self) -> None:
        """A lane has computed."""
        self._computing -= 1
        self._free.set()
