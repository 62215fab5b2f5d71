from __future__ import annotations

import asyncio
import logging

import pytest

from serve_app.deployments.rest import Rest


class Woken:
    """Stages that count how often they are woken, by a clock that the test sets."""

    def __init__(self, error: Exception | None = None) -> None:
        self.now = 5.0
        self.times = 0
        self.error = error

    async def wake(self) -> None:
        self.times += 1
        if self.error is not None:
            raise self.error

    async def times_woken_by(self, rest: Rest, *uses: float) -> list[int]:
        times = []
        for self.now in uses:
            rest.end()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            times.append(self.times)
        return times


def test_stages_are_woken_at_the_first_use_and_where_they_may_be_at_rest_again() -> None:
    stages = Woken()
    rest = Rest(stages.wake, 100, lambda: stages.now)
    times = asyncio.run(stages.times_woken_by(rest, 5, 6, 55, 104, 155, 156, 400))
    assert times == [1, 1, 1, 1, 2, 2, 3]


def test_use_goes_on_where_stages_cannot_be_woken(caplog: pytest.LogCaptureFixture) -> None:
    stages = Woken(RuntimeError("no room"))
    with caplog.at_level(logging.WARNING):
        asyncio.run(stages.times_woken_by(Rest(stages.wake, 100, lambda: stages.now), 5, 6))
    assert stages.times == 1
    assert "no room" in caplog.text
