from __future__ import annotations

import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from pipelines.threads import share_out
from serve_app.deployments import background
from serve_app.deployments.background import Background, Patience, Pauses
from serve_app.foreground import Foreground


def policy() -> int:
    return os.sched_getscheduler(threading.get_native_id())


@pytest.mark.skipif(not background.works(), reason="there are no priorities of threads")
def test_a_thread_and_its_helpers_are_in_the_background_and_others_are_not() -> None:
    found: dict[str, set[int]] = {"stage": set(), "background": set()}

    def work(name: str) -> None:
        both = threading.Barrier(2)

        def note(_: range) -> None:
            both.wait(10)
            found[name].add(policy())

        share_out(note, 2)

    before = policy()
    with ThreadPoolExecutor(1) as behind, ThreadPoolExecutor(1) as front:
        behind.submit(Background(1, 2).enter).result()
        behind.submit(work, "background").result()
        front.submit(torch.set_num_threads, 2).result()
        front.submit(work, "stage").result()
    assert found == {"stage": {before}, "background": {os.SCHED_IDLE}}
    assert policy() == before


@pytest.mark.parametrize(
    ("cores", "most", "found"), [(1, 2, (1, 1)), (2, 2, (2, 1)), (8, 2, (2, 4)), (8, 1, (1, 8))]
)
def test_threads_share_the_cores(cores: int, most: int, found: tuple[int, int]) -> None:
    assert Background.of(cores, most, Foreground()) == Background(*found)


class Somebody(Foreground):
    """Waits until a time. Who sleeps meanwhile makes the time go on."""

    now = 1_000.0

    def __init__(self, until: float) -> None:
        self.until = until

    @property
    def waits(self) -> bool:
        return self.now < self.until

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def stands_still(somebody: Somebody, pauses: Pauses) -> float:
    before = somebody.now
    pauses.stand_still()
    return somebody.now - before


def test_the_background_stands_still_until_nobody_waits() -> None:
    somebody = Somebody(until=1_002)
    pauses = Pauses(somebody, lambda: somebody.now, somebody.sleep)
    assert stands_still(somebody, pauses) == pytest.approx(2, abs=0.05)
    assert stands_still(somebody, pauses) == 0


def test_the_background_gets_on_although_somebody_always_waits() -> None:
    somebody = Somebody(until=math.inf)
    pauses = Pauses(somebody, lambda: somebody.now, somebody.sleep)
    assert stands_still(somebody, pauses) == pytest.approx(15, abs=0.05)
    somebody.now += 10  # it computes
    assert stands_still(somebody, pauses) == pytest.approx(10, abs=0.05)
    somebody.now += 100
    assert stands_still(somebody, pauses) == pytest.approx(15, abs=0.05)


@pytest.mark.skipif(not background.works(), reason="there are no priorities of threads")
def test_layers_of_lines_are_computed_when_nobody_waits() -> None:
    somebody = Somebody(until=math.inf)
    layer, asked = torch.nn.Linear(1, 1), threading.Event()

    class Asked(Foreground):
        @property
        def waits(self) -> bool:
            asked.set()
            return somebody.waits

    with ThreadPoolExecutor(1) as behind, ThreadPoolExecutor(1) as front:
        behind.submit(Background(1, 1, Asked()).enter).result()
        line = behind.submit(layer, torch.ones(1))
        assert asked.wait(10)
        front.submit(layer, torch.ones(1)).result(10)
        assert not line.done()
        somebody.until = 0
        line.result(10)


def test_a_computation_may_wait_for_the_processors_but_must_get_on() -> None:
    patience = Patience(seconds=100, used=5)
    assert not patience.ended(6)
    assert not patience.ended(6.1)
    assert patience.ended(6.1), "it has used nothing since"


def test_a_computation_may_use_so_much_of_the_processors() -> None:
    patience = Patience(seconds=100, used=5)
    assert not patience.ended(104)
    assert patience.ended(105)
