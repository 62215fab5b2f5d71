"""Bounds what the heap of a stage replica holds besides what is in use.

Every text has another length, so that freed blocks fit the tensors of few later texts. glibc keeps
these blocks, and resident memory grows with every text. `malloc_trim` returns their pages to the
system, but the next step has to map and clear them again: about 5 % of the time of a short segment.
So it is called when resident memory has grown much since the last call, and when a replica is idle.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Protocol

BUSY_GROWTH = 128 << 20
"""Bytes besides those of the largest step that a replica with work to do may keep."""
IDLE_GROWTH = 32 << 20
"""Bytes of growth that an idle replica may keep."""
IDLE_SECONDS = 10.0


class Heap(Protocol):
    def resident(self) -> int:
        """Bytes of the process that are in physical memory."""
        ...

    def trim(self) -> None:
        """Returns the pages of freed blocks to the system."""
        ...


class GlibcHeap:
    """The heap of this process."""

    def __init__(self) -> None:
        """Raises OSError, AttributeError where the C library has no `malloc_trim`."""
        self._malloc_trim = ctypes.CDLL(None).malloc_trim
        self._malloc_trim.argtypes = [ctypes.c_size_t]
        self._statm = Path("/proc/self/statm")
        self._page = os.sysconf("SC_PAGE_SIZE")
        self.resident()

    def resident(self) -> int:
        return int(self._statm.read_text().split()[1]) * self._page

    def trim(self) -> None:
        self._malloc_trim(0)


def process_heap() -> Heap | None:
    """None where there is no glibc."""
    if sys.platform != "linux":
        return None
    try:
        return GlibcHeap()
    except (OSError, AttributeError):
        return None


class HeapTrimmer:
    """Decides when a heap is trimmed. For one thread at a time.

    The pages of one step's tensors are needed again in the next. A trim therefore waits until
    resident memory exceeds that after the last trim by the largest step and `BUSY_GROWTH`.
    """

    def __init__(self, heap: Heap | None) -> None:
        """Trims once, because loading a model leaves freed blocks."""
        self._heap = heap
        self._trimmed = 0
        self._last = 0
        self._largest_step = 0
        self._trim_beyond(0)

    def after_step(self) -> None:
        if self._heap is None:
            return
        resident = self._heap.resident()
        self._largest_step = max(self._largest_step, resident - self._last)
        self._last = resident
        self._trim_beyond(self._largest_step + BUSY_GROWTH)

    def when_idle(self) -> None:
        self._trim_beyond(IDLE_GROWTH)

    def exceeds(self, bytes_at_most: int) -> bool:
        """Whether the process holds more than that, also when it has returned what it can."""
        if self._heap is None or self._heap.resident() <= bytes_at_most:
            return False
        self._trim_beyond(0)
        return self._heap.resident() > bytes_at_most

    def _trim_beyond(self, growth: int) -> None:
        if self._heap is None or self._heap.resident() <= self._trimmed + growth:
            return
        self._heap.trim()
        self._trimmed = self._last = self._heap.resident()
