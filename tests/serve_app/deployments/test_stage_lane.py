from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from serve_app.batching.fair_queue import Ticket
from serve_app.batching.overdue import Overdue
from serve_app.batching.step_loop import Limits, OneShot, Outcome
from serve_app.deployments import background, stage_lane
from serve_app.deployments.heap import process_heap
from serve_app.deployments.stage_driver import StageDriver
from serve_app.worker.generation import StageLost, StageUnavailable
from tests.serve_app.deployments.stages_at_gates import (
    Blocked,
    Gate,
    Plain,
    line,
    make,
    second_cancelled,
)


def two_lanes(gate: Gate, overdue: Overdue | None = None, stall: float = 60) -> StageDriver:
    return StageDriver(
        lambda: OneShot(gate), Limits(max_batch=1), lambda *_: None, stall, Plain(1, 1), overdue
    )


def test_a_line_that_is_computed_keeps_nobody_waiting() -> None:
    gate = Blocked()

    async def go() -> list[Any]:
        driver = two_lanes(gate)
        lines = [asyncio.create_task(driver.run(line(k), k)) for k in "ab"]
        await asyncio.to_thread(gate.entered.wait, 10)
        typed = await asyncio.wait_for(driver.run(Ticket("c", "u"), "c"), 10)
        assert not any(each.done() for each in lines)
        gate.open.set()
        return [typed.result, *[(await each).result for each in lines]]

    assert asyncio.run(go()) == ["C", "A", "B"]
    assert gate.threads == {"stage_0", "background-0_0"}


def test_lines_that_wait_while_others_compute_get_their_turn() -> None:
    """The thread of the background may get nothing of the processors for as long as others work."""
    gate = Blocked()

    async def go() -> None:
        driver = two_lanes(gate, Overdue(patience=1e-9))
        stuck = asyncio.create_task(driver.run(line("a"), "a"))
        await asyncio.to_thread(gate.entered.wait, 10)
        waiting = [asyncio.create_task(driver.run(line(k), k)) for k in "bcd"]
        await asyncio.sleep(0)
        waiting[1].cancel()
        for n in range(2):
            await driver.run(Ticket(f"typed {n}", "u"), "typed")
        done = await asyncio.wait_for(asyncio.gather(waiting[0], waiting[2]), 10)
        assert [each.result for each in done] == ["B", "D"]
        assert not stuck.done()
        gate.open.set()
        assert (await stuck).result == "A"

    asyncio.run(go())
    assert gate.batches == [["a"]]


def test_lines_get_their_turn_where_other_programs_use_the_processors() -> None:
    gate = Blocked()

    async def go() -> None:
        driver = StageDriver(
            lambda: OneShot(gate),
            Limits(max_batch=1),
            lambda *_: None,
            60,
            Plain(1, 1),
            Overdue(patience=0.01),
            look_seconds=0.01,
        )
        stuck = asyncio.create_task(driver.run(line("a"), "a"))
        await asyncio.to_thread(gate.entered.wait, 10)
        waited = await asyncio.wait_for(driver.run(line("b"), "b"), 10)
        assert waited.result == "B"
        assert not stuck.done()
        gate.open.set()
        await stuck

    asyncio.run(go())
    assert gate.threads == {"background-0_0", "aside_0"}


def test_threads_of_the_background_share_the_lines() -> None:
    gate = Gate()

    async def go() -> None:
        driver = StageDriver(
            lambda: OneShot(gate), Limits(max_batch=1), lambda *_: None, 60, Plain(2, 1)
        )
        lines = [asyncio.create_task(driver.run(line(k), k)) for k in "abcd"]
        await asyncio.to_thread(gate.entered.wait, 10)
        gate.open.set()
        assert [each.result for each in await asyncio.gather(*lines)] == list("ABCD")

    asyncio.run(go())
    assert len(gate.batches) == 4
    assert gate.threads == {"background-0_0", "background-1_0"}


def test_lines_are_cancelled_in_the_background() -> None:
    gate = Gate()

    async def go() -> None:
        given = await second_cancelled(two_lanes(gate), gate, line)
        assert isinstance(given, asyncio.CancelledError)

    asyncio.run(go())
    assert gate.batches == [["a"], ["c"]]


def test_a_line_that_is_stuck_ends_the_replica_and_a_slow_one_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate()
    ticking = itertools.count(1.0, 1e-6)
    monkeypatch.setattr(stage_lane.time, "clock_gettime", lambda _: next(ticking))

    async def go() -> None:
        driver = two_lanes(gate, stall=0.02)
        slow = asyncio.create_task(driver.run(line("a"), "a"))
        await asyncio.sleep(0.1)
        assert not slow.done(), "it gets on"
        gate.open.set()
        assert (await slow).result == "A"
        gate.open.clear()
        monkeypatch.setattr(stage_lane.time, "clock_gettime", lambda _: 2.0)
        with pytest.raises(StageLost):
            await driver.run(line("b"), "b")
        with pytest.raises(RuntimeError, match="loop has stopped"):
            driver.check()
        gate.open.set()

    asyncio.run(go())


class Sides(Gate):
    """Records how many of torch's threads each item is computed with, and how many at once."""

    def __init__(self, enough: int) -> None:
        super().__init__()
        self.enough = threading.Barrier(enough)
        self.torch_threads: dict[str, int] = {}

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        self.torch_threads[items[0]] = torch.get_num_threads()
        self.entered.set()
        assert self.open.wait(10)
        self.enough.wait(10)
        return [item.upper() for item in items]


def sides(gate: Gate) -> StageDriver:
    driver = make(gate, [], max_batch=1)
    driver.side_by_side(4)
    return driver


def test_two_that_wait_are_computed_side_by_side_with_half_of_the_cores() -> None:
    gate = Sides(enough=2)

    async def go() -> list[Outcome]:
        driver = sides(gate)
        gate.open.set()
        return await asyncio.gather(*(driver.run(Ticket(k, "u"), k) for k in "abcd"))

    assert [outcome.result for outcome in asyncio.run(go())] == list("ABCD")
    assert gate.torch_threads == dict.fromkeys("abcd", 2)


def test_one_that_is_alone_has_all_cores_and_those_that_come_begin_after_it() -> None:
    gate = Sides(enough=1)

    async def go() -> list[Outcome]:
        driver = sides(gate)
        first = asyncio.create_task(driver.run(Ticket("a", "u"), "a"))
        await asyncio.to_thread(gate.entered.wait, 10)
        others = [asyncio.create_task(driver.run(Ticket(k, "u"), k)) for k in "bc"]
        await asyncio.sleep(0.05)
        assert list(gate.torch_threads) == ["a"]
        gate.open.set()
        return await asyncio.gather(first, *others)

    asyncio.run(go())
    assert gate.torch_threads["a"] == 4
    assert gate.torch_threads["b"] == 2
    assert set(gate.torch_threads) == set("abc")


def test_a_call_is_cancelled_while_it_waits_for_one_that_has_all_cores() -> None:
    gate = Sides(enough=1)

    async def go() -> None:
        driver = sides(gate)
        first = asyncio.create_task(driver.run(Ticket("a", "u"), "a"))
        await asyncio.to_thread(gate.entered.wait, 10)
        second = asyncio.create_task(driver.run(Ticket("b", "u"), "b"))
        await asyncio.sleep(0.02)
        second.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        assert (await first).result == "A"
        assert isinstance((await asyncio.gather(second, return_exceptions=True))[0], BaseException)
        assert (await driver.run(Ticket("c", "u"), "c")).result == "C"

    asyncio.run(go())
    assert set(gate.torch_threads) == {"a", "c"}


@pytest.mark.skipif(not background.works(), reason="there are no priorities of threads")
def test_later_segments_are_computed_at_a_lower_priority() -> None:
    found: dict[str, int] = {}

    def compute(items: Sequence[Any]) -> list[Any]:
        found[items[0]] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        return list(items)

    async def go() -> None:
        driver = StageDriver(lambda: OneShot(compute), Limits(max_batch=1), lambda *_: None, 60)
        driver.side_by_side(2)
        await driver.run(Ticket("a", "u"), "first")
        await driver.run(Ticket("a", "u", index=1), "later")

    asyncio.run(go())
    assert found["later"] > found["first"]


def test_what_others_compute_side_by_side_counts_once_and_whole() -> None:
    counted: list[float] = []

    class Counts(Overdue):
        def computed(self, seconds: float) -> None:
            counted.append(seconds)

    def compute(items: Sequence[Any]) -> list[Any]:
        time.sleep(items[0])
        return list(items)

    async def go() -> float:
        driver = StageDriver(
            lambda: OneShot(compute), Limits(max_batch=1), lambda *_: None, 60, overdue=Counts()
        )
        driver.side_by_side(2)
        begun = time.monotonic()
        calls = (driver.run(Ticket(str(each), "u"), each) for each in (0.4, 0.1, 0.1))
        await asyncio.gather(*calls)
        return time.monotonic() - begun

    took = asyncio.run(go())
    assert sum(counted) == pytest.approx(took, abs=0.1)


def test_what_waits_is_counted_once_however_many_lanes_there_are() -> None:
    gate, waiting = Gate(), []

    async def go() -> None:
        driver = StageDriver(
            lambda: OneShot(gate), Limits(max_batch=1), lambda _, left: waiting.append(left), 60
        )
        driver.side_by_side(2)
        calls = [asyncio.create_task(driver.run(Ticket(k, "u"), k)) for k in "abcde"]
        await asyncio.to_thread(gate.entered.wait, 10)
        gate.open.set()
        await asyncio.gather(*calls)

    asyncio.run(go())
    assert max(waiting) <= 3
    assert waiting[-1] == 0


@pytest.mark.skipif(process_heap() is None, reason="there is no glibc")
def test_a_replica_over_its_memory_ends_when_both_its_lanes_are_done() -> None:
    gate = Blocked()

    async def go() -> None:
        driver = two_lanes(gate)
        behind = asyncio.create_task(driver.run(line("a"), "a"))
        await asyncio.to_thread(gate.entered.wait, 10)
        driver.max_bytes = 1
        assert (await driver.run(Ticket("b", "u"), "b")).result == "B"
        with pytest.raises(StageUnavailable):
            await driver.run(Ticket("c", "u"), "c")
        await asyncio.sleep(0.05)
        driver.check()
        gate.open.set()
        assert (await behind).result == "A"
        await asyncio.sleep(0.05)
        with pytest.raises(RuntimeError, match="stopped"):
            driver.check()

    asyncio.run(go())
