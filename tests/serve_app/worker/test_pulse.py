from __future__ import annotations

import pytest

from serve_app.worker.pulse import FRUITLESS_SECONDS, STUCK_SECONDS, Pulse, Stopped


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_check_finds_rounds_that_do_not_end() -> None:
    clock = Clock()
    pulse = Pulse("the search", clock)
    clock.now = STUCK_SECONDS
    pulse.check()
    clock.now += 1
    with pytest.raises(Stopped, match="the search has been stuck for 121 s"):
        pulse.check()


def test_check_bears_an_outage_and_not_one_without_end() -> None:
    clock = Clock()
    pulse = Pulse("the search", clock)
    while clock.now < FRUITLESS_SECONDS:
        clock.now += 60
        pulse.failed()
        pulse.check()
    clock.now += 60
    pulse.failed()
    with pytest.raises(Stopped, match="failed for 660 s"):
        pulse.check()
    pulse.good()
    pulse.check()
    assert not pulse.failing
