from __future__ import annotations

import pytest

from serve_app.bulkheads import Busy
from serve_app.http.pace import MAX_WAIT_SECONDS, Pace


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_delay_lets_a_burst_pass_and_then_keeps_the_rate() -> None:
    pace = Pace(rate=10, burst=3, clock=Clock())
    assert [round(pace.delay("ada"), 3) for _ in range(5)] == [0, 0, 0, 0.1, 0.2]
    assert pace.delay("bob") == 0, "each user has a pace of their own"


def test_delay_forgets_after_a_rest() -> None:
    clock = Clock()
    pace = Pace(rate=10, burst=3, clock=clock)
    for _ in range(5):
        pace.delay("ada")
    clock.now += 10
    assert [pace.delay("ada") for _ in range(3)] == [0, 0, 0]


def test_delay_refuses_where_the_wait_is_too_long_and_does_not_count_it() -> None:
    clock = Clock()
    pace = Pace(rate=10, burst=1, clock=clock)
    waits = [pace.delay("ada") for _ in range(50)]
    assert max(waits) <= MAX_WAIT_SECONDS
    clock.now -= 0.2
    for _ in range(3):
        with pytest.raises(Busy):
            pace.delay("ada")
    clock.now += 0.2
    clock.now += 0.2
    assert pace.delay("ada") <= MAX_WAIT_SECONDS


def test_credentials_share_the_pace_of_their_user_once_seen() -> None:
    pace = Pace()
    assert pace.user_of("token") == "token"
    pace.saw("token", "ada")
    assert pace.user_of("token") == "ada"
    assert pace.user_of("another") == "another"
