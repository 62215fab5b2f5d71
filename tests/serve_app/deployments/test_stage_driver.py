from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from serve_app.batching.fair_queue import Ticket
from serve_app.batching.step_loop import Limits, OneShot, Outcome
from serve_app.deployments.heap import process_heap
from serve_app.deployments.stage_driver import StageDriver
from serve_app.foreground import NOTE_SECONDS, Foreground
from serve_app.worker.generation import StageLost, StageUnavailable
from tests.serve_app.deployments.stages_at_gates import Gate, make, second_cancelled


def test_stage_driver_batches_callers_and_returns_each_its_own() -> None:
    gate, observed = Gate(), []
    gate.open.set()

    async def go() -> list[Outcome]:
        driver = make(gate, observed)
        return await asyncio.gather(*(driver.run(Ticket(k, "u"), k) for k in "abc"))

    outcomes = asyncio.run(go())
    assert [outcome.result for outcome in outcomes] == ["A", "B", "C"]
    assert gate.batches == [["a", "b", "c"]]
    assert gate.threads == {"stage_0"}, "the event loop never computes"
    assert len(observed) == 3


def test_stage_driver_raises_to_the_failing_caller_only() -> None:
    gate = Gate()
    gate.open.set()

    async def go() -> list[Outcome | BaseException]:
        driver = make(gate, [])
        calls = (driver.run(Ticket(k, "u"), k) for k in ("good", "bad"))
        return await asyncio.gather(*calls, return_exceptions=True)

    good, bad = asyncio.run(go())
    assert isinstance(good, Outcome)
    assert good.result == "GOOD"
    assert isinstance(bad, ValueError)


def test_stage_driver_drops_a_cancelled_call_before_the_next_batch() -> None:
    gate = Gate()

    async def go() -> None:
        driver = make(gate, [], max_batch=1)
        given = await second_cancelled(driver, gate, lambda key: Ticket(key, "u"))
        assert isinstance(given, asyncio.CancelledError)

    asyncio.run(go())
    assert gate.batches == [["a"], ["c"]]


def test_stage_driver_queues_callers_of_a_full_replica() -> None:
    gate, observed = Gate(), []

    async def go() -> list[Outcome | BaseException]:
        driver = make(gate, observed)
        calls = [
            asyncio.create_task(driver.run(Ticket(str(n), f"user {n % 3}"), f"item {n}"))
            for n in range(200)
        ]
        await asyncio.to_thread(gate.entered.wait, 10)
        await asyncio.sleep(0.05)
        assert not any(call.done() for call in calls), "they wait, none is refused"
        for call in calls[100:150]:
            call.cancel()
        gate.open.set()
        return await asyncio.gather(*calls, return_exceptions=True)

    ended = asyncio.run(go())
    left = [n for n in range(200) if not 100 <= n < 150]
    results = [each.result for each in ended if isinstance(each, Outcome)]
    assert results == [f"ITEM {n}" for n in left]
    computed = [item for batch in gate.batches for item in batch]
    assert sorted(computed) == sorted(f"item {n}" for n in left)


def test_stage_driver_accepts_the_same_segment_twice() -> None:
    gate = Gate()
    gate.open.set()

    async def go() -> list[Outcome]:
        driver = make(gate, [])
        return await asyncio.gather(*(driver.run(Ticket("same", "u"), k) for k in "ab"))

    assert [outcome.result for outcome in asyncio.run(go())] == ["A", "B"]


def test_stage_driver_dead_loop_fails_callers_and_health_check() -> None:
    gate = Gate()
    gate.open.set()

    async def go() -> None:
        def broken(_: Outcome, __: int) -> None:
            raise RuntimeError("metrics are gone")

        driver = StageDriver(lambda: OneShot(gate), Limits(), broken, 60)
        driver.check()
        with pytest.raises(StageLost):
            await driver.run(Ticket("a", "u"), "a")
        with pytest.raises(RuntimeError, match="loop has stopped"):
            driver.check()
        with pytest.raises(StageUnavailable):
            await driver.run(Ticket("b", "u"), "b")

    asyncio.run(go())


def test_stage_driver_gives_up_a_stalled_step() -> None:
    gate = Gate()

    async def go() -> None:
        driver = StageDriver(lambda: OneShot(gate), Limits(max_batch=1), lambda *_: None, 0.2)
        begun = asyncio.get_running_loop().time()
        callers = [asyncio.create_task(driver.run(Ticket(k, "u"), k)) for k in "ab"]
        raised = await asyncio.gather(*callers, return_exceptions=True)
        took = asyncio.get_running_loop().time() - begun
        assert [type(each) for each in raised] == [StageLost, StageLost]
        assert 0.2 <= took < 2
        with pytest.raises(RuntimeError, match="loop has stopped"):
            driver.check()
        gate.open.set()

    asyncio.run(go())


def test_stage_driver_stall_limit_is_for_one_step() -> None:
    def slow(items: Sequence[str]) -> list[str]:
        time.sleep(0.1)
        return list(items)

    async def go() -> list[Outcome]:
        driver = StageDriver(lambda: OneShot(slow), Limits(max_batch=1), lambda *_: None, 0.4)
        return await asyncio.gather(*(driver.run(Ticket(k, "u"), k) for k in "abcdefgh"))

    assert len(asyncio.run(go())) == 8


@pytest.mark.skipif(process_heap() is None, reason="there is no glibc")
def test_stage_driver_over_its_memory_ends_what_it_has_and_takes_nothing_more() -> None:
    gate = Gate()
    kept: list[bytes] = []

    async def go() -> None:
        heap = process_heap()
        assert heap is not None
        driver = make(gate, [], max_batch=1)
        driver.max_bytes = heap.resident() + (32 << 20)
        calls = [asyncio.create_task(driver.run(Ticket(k, "u"), k)) for k in "ab"]
        await asyncio.to_thread(gate.entered.wait, 10)
        kept.append(b"x" * (128 << 20))
        gate.open.set()
        assert [(await call).result for call in calls] == ["A", "B"]
        with pytest.raises(StageUnavailable):
            await driver.run(Ticket("c", "u"), "c")
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="stopped") as refused:
            driver.check()
        assert "MB" in str(refused.value.__cause__)

    asyncio.run(go())


@pytest.mark.parametrize(
    ("ticket", "waited_for"),
    [
        (Ticket("a", "u"), True),
        (Ticket("a", "u", index=1), False),
        (Ticket("a", "u", bulk=True), False),
    ],
)
def test_somebody_waits_for_the_first_segment_of_a_clip(ticket: Ticket, waited_for: bool) -> None:
    gate, foreground = Gate(), Foreground()

    async def go() -> bool:
        driver = StageDriver(
            lambda: OneShot(gate), Limits(), lambda *_: None, 60, foreground=foreground
        )
        call = asyncio.create_task(driver.run(ticket, "a"))
        await asyncio.to_thread(gate.entered.wait, 10)
        # However long ago it came.
        foreground._last[0] = 0
        await asyncio.sleep(3 * NOTE_SECONDS)
        noted = foreground._last[0] > 0
        gate.open.set()
        await call
        return noted

    assert asyncio.run(go()) is waited_for
