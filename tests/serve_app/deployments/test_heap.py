from __future__ import annotations

import pytest

from serve_app.deployments.heap import (
    BUSY_GROWTH,
    IDLE_GROWTH,
    GlibcHeap,
    HeapTrimmer,
    process_heap,
)

MB = 1 << 20


class PlayedHeap:
    """A heap of `live` bytes in use and `free` ones that are resident."""

    def __init__(self, live: int, free: int) -> None:
        self.live, self.free, self.trims = live, free, 0

    def resident(self) -> int:
        return self.live + self.free

    def trim(self) -> None:
        self.free = 0
        self.trims += 1


def test_a_heap_is_trimmed_after_the_model_was_loaded() -> None:
    heap = PlayedHeap(400 * MB, 200 * MB)
    HeapTrimmer(heap)
    assert heap.free == 0


def test_free_blocks_stay_bounded_however_many_steps_there_are() -> None:
    heap = PlayedHeap(400 * MB, 0)
    trimmer = HeapTrimmer(heap)
    most = 0
    for _ in range(1_000):
        heap.free += 10 * MB
        most = max(most, heap.free)
        trimmer.after_step()
    assert most <= BUSY_GROWTH + 20 * MB
    assert heap.trims < 1_000 // 10, "few of the steps pay for pages that were returned"


def test_a_step_that_needs_much_memory_keeps_it() -> None:
    heap = PlayedHeap(400 * MB, 0)
    trimmer = HeapTrimmer(heap)
    loaded = heap.trims
    for _ in range(100):
        heap.free = max(heap.free, 3 * BUSY_GROWTH)
        trimmer.after_step()
    assert heap.trims == loaded


def test_an_idle_heap_keeps_little() -> None:
    heap = PlayedHeap(400 * MB, 0)
    trimmer = HeapTrimmer(heap)
    heap.free = BUSY_GROWTH
    trimmer.after_step()
    trimmer.when_idle()
    assert heap.free == 0
    heap.free, trims = IDLE_GROWTH, heap.trims
    trimmer.when_idle()
    assert heap.trims == trims


def test_without_glibc_nothing_happens() -> None:
    trimmer = HeapTrimmer(None)
    trimmer.after_step()
    trimmer.when_idle()


@pytest.mark.skipif(process_heap() is None, reason="there is no glibc")
def test_the_heap_of_this_process_returns_freed_blocks() -> None:
    heap = GlibcHeap()
    # Small blocks with one in use after all of them, so that the end of the heap stays where it is.
    blocks = [bytearray(64 * 1024) for _ in range(1_600)]
    used = heap.resident()
    keep = bytearray(64 * 1024)
    del blocks
    heap.trim()
    assert heap.resident() < used - 50 * MB
    assert keep


def test_a_heap_exceeds_a_bound_only_by_what_cannot_be_returned() -> None:
    heap = PlayedHeap(400 * MB, 0)
    trimmer = HeapTrimmer(heap)
    heap.free = 100 * MB
    assert not trimmer.exceeds(450 * MB)
    assert heap.free == 0
    heap.live = 500 * MB
    assert trimmer.exceeds(450 * MB)
    assert not HeapTrimmer(None).exceeds(0)
