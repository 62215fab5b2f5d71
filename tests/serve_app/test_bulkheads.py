from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from threading import Event

import pytest

from serve_app.bulkheads import Bulkhead, Size
from serve_app.errors import ApiError

SIZE = Size(threads=3, share=2, waiting=2, waiting_in_all=5)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bulkhead(clock: Clock) -> Iterator[Bulkhead]:
    bulkhead = Bulkhead("tests", SIZE, clock)
    yield bulkhead
    bulkhead.shutdown()


@pytest.fixture
def gate() -> Iterator[Event]:
    gate = Event()
    yield gate
    gate.set()


def hold(bulkhead: Bulkhead, gate: Event, user: str, count: int) -> list[Future[bool]]:
    return [bulkhead.submit(user, gate.wait, 10) for _ in range(count)]


def assert_busy(bulkhead: Bulkhead, user: str) -> None:
    with pytest.raises(ApiError) as refused:
        bulkhead.submit(user, int)
    assert (refused.value.status, refused.value.code) == (503, "busy")
    assert refused.value.retry_after is not None


def test_run_gives_what_the_function_gives_or_raises(bulkhead: Bulkhead) -> None:
    assert asyncio.run(bulkhead.run("ada", int, "7")) == 7
    with pytest.raises(ValueError, match="seven"):
        asyncio.run(bulkhead.run("ada", int, "seven"))


def test_submit_leaves_threads_to_others_than_the_user_who_holds_a_share(
    bulkhead: Bulkhead, gate: Event
) -> None:
    hold(bulkhead, gate, "ada", 4)
    assert bulkhead.submit("bob", int, "1").result(5) == 1


def test_submit_refuses_a_user_beyond_the_share_and_the_places_to_wait(
    bulkhead: Bulkhead, gate: Event
) -> None:
    hold(bulkhead, gate, "ada", SIZE.share + SIZE.waiting)
    assert_busy(bulkhead, "ada")
    bulkhead.submit("bob", int)


def test_submit_refuses_everybody_where_too_many_wait_in_all(
    bulkhead: Bulkhead, gate: Event
) -> None:
    hold(bulkhead, gate, "ada", 4)
    hold(bulkhead, gate, "bob", 3)
    hold(bulkhead, gate, "eve", 1)
    assert_busy(bulkhead, "joe")


def test_users_take_turns(clock: Clock, gate: Event) -> None:
    bulkhead = Bulkhead("tests", replace(SIZE, threads=1, share=1, waiting=3), clock)
    done: list[str] = []
    held = hold(bulkhead, gate, "eve", 1)
    calls = [bulkhead.submit("ada", done.append, f"ada {n}") for n in range(3)]
    calls += [bulkhead.submit("bob", done.append, f"bob {n}") for n in range(2)]
    gate.set()
    for each in (*held, *calls):
        each.result(5)
    assert done == ["ada 0", "bob 0", "ada 1", "bob 1", "ada 2"]
    bulkhead.shutdown()


def test_a_call_that_waited_too_long_is_refused_and_the_next_one_runs(
    clock: Clock, gate: Event
) -> None:
    bulkhead = Bulkhead("tests", replace(SIZE, threads=1, share=1), clock)
    held = hold(bulkhead, gate, "ada", 1)
    late = bulkhead.submit("ada", int)
    clock.now += SIZE.seconds + 1
    fresh = bulkhead.submit("ada", int, "3")
    gate.set()
    held[0].result(5)
    with pytest.raises(ApiError, match="Try again"):
        late.result(5)
    assert fresh.result(5) == 3
    bulkhead.shutdown()


def test_a_cancelled_call_that_waits_is_never_run(bulkhead: Bulkhead, gate: Event) -> None:
    ran = Event()

    async def go() -> None:
        hold(bulkhead, gate, "ada", SIZE.share)
        waits = asyncio.create_task(bulkhead.run("ada", ran.set))
        await asyncio.sleep(0)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        gate.set()
        await bulkhead.run("ada", int)

    asyncio.run(go())
    assert not ran.is_set()


@pytest.mark.parametrize("times", [1, 3])
def test_a_cancelled_call_that_runs_is_waited_for(
    bulkhead: Bulkhead, gate: Event, times: int
) -> None:
    ended = Event()

    def work() -> None:
        gate.wait(10)
        ended.set()

    async def go() -> None:
        runs = asyncio.create_task(bulkhead.run("ada", work))
        await asyncio.sleep(0.05)
        for _ in range(times):
            runs.cancel()
            await asyncio.sleep(0.05)
        assert not runs.done()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await runs
        assert ended.is_set()

    asyncio.run(go())
