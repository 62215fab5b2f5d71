"""Lanes in front, which compute segments side by side. `test_stage_driver.py` tests the others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from serve_app.batching.fair_queue import Ticket
from serve_app.batching.step_loop import Limits, OneShot, Outcome
from serve_app.deployments import stage_driver
from serve_app.deployments.stage_driver import StageDriver
from serve_app.deployments.stage_lane import Front
from tests.serve_app.deployments.gate import Gate
from tests.waiting import until_on_loop


def side_by_side(gate: Gate, observed: list[int] | None = None) -> StageDriver:
    def observe(_: Outcome, waiting: int) -> None:
        if observed is not None:
            observed.append(waiting)

    front = Front(4, 2)
    return StageDriver(lambda: OneShot(gate), Limits(max_batch=1), observe, 60, front=front)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Of each tick: the thread that computes it, and with how many of torch's."""
    found: list[tuple[str, int]] = []

    def use(count: int) -> None:
        found.append((threading.current_thread().name, count))

    monkeypatch.setattr(stage_driver, "use_threads", use)
    return found


@pytest.mark.parametrize(
    ("cores", "most", "lanes", "shares"),
    [(1, 2, 1, (1, 1, 1)), (2, 2, 2, (2, 1, 1)), (9, 2, 2, (9, 4, 4)), (8, 1, 1, (8, 8, 8))],
)
def test_lanes_in_front_share_the_cores(
    cores: int, most: int, lanes: int, shares: tuple[int, ...]
) -> None:
    front = Front(cores, most)
    assert front.lanes == lanes
    assert tuple(front.threads(segments) for segments in (1, 2, 5)) == shares


def test_a_segment_alone_has_all_cores(threads: list[tuple[str, int]]) -> None:
    gate = Gate()
    gate.open.set()

    async def go() -> None:
        driver = side_by_side(gate)
        for key in "ab":
            await driver.run(Ticket(key, "u"), key)

    asyncio.run(go())
    assert [count for _, count in threads] == [4, 4]


def test_segments_side_by_side_share_the_cores(threads: list[tuple[str, int]]) -> None:
    gate = Gate()

    async def go() -> list[Any]:
        driver = side_by_side(gate)
        calls = [asyncio.create_task(driver.run(Ticket(k, "u"), k)) for k in "ab"]
        await until_on_loop(lambda: len(gate.batches) == 2, 10, "both are computed at once")
        gate.open.set()
        return [(await call).result for call in calls]

    assert asyncio.run(go()) == ["A", "B"]
    assert sorted(threads) == [("stage-1_0", 2), ("stage_0", 2)]


def test_a_segment_that_comes_while_another_is_computed_shares_the_cores(
    threads: list[tuple[str, int]],
) -> None:
    gate = Gate()

    async def go() -> None:
        driver = side_by_side(gate)
        first = asyncio.create_task(driver.run(Ticket("a", "u"), "a"))
        await until_on_loop(lambda: bool(gate.batches), 10, "the first is computed")
        second = asyncio.create_task(driver.run(Ticket("b", "u"), "b"))
        await until_on_loop(lambda: len(gate.batches) == 2, 10, "so is the second")
        gate.open.set()
        await asyncio.gather(first, second)

    asyncio.run(go())
    assert [count for _, count in threads] == [4, 2]


class OneByOne(Gate):
    """A stage that computes as many items as it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Semaphore(0)

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        self.batches.append(list(items))
        assert self.let.acquire(timeout=10)
        return list(items)


def test_lanes_in_front_take_from_one_queue_in_its_order() -> None:
    gate, observed = OneByOne(), list[int]()

    async def go() -> None:
        driver = side_by_side(gate, observed)
        many = [asyncio.create_task(driver.run(Ticket(k, "many"), k)) for k in "abcdef"]
        await until_on_loop(lambda: len(gate.batches) == 2, 10, "two are computed")
        few = asyncio.create_task(driver.run(Ticket("x", "few"), "x"))
        many[2].cancel()
        await asyncio.sleep(0)
        gate.let.release()
        await until_on_loop(lambda: len(gate.batches) == 3, 10, "the next is computed")
        assert gate.batches[2] == ["x"], "who asks for little is not behind who asks for much"
        gate.let.release(5)
        await asyncio.gather(*many, few, return_exceptions=True)

    asyncio.run(go())
    assert sorted(item for [item] in gate.batches) == ["a", "b", "d", "e", "f", "x"]
    assert observed[0] <= 5, "what waits is counted once"
    assert len(observed) == 6
