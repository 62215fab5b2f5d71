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

    async def times_woken_by(self, seconds: float, *uses: tuple[str, float]) -> list[int]:
        rest = Rest(self.wake, seconds, lambda: self.now)
        times = []
        for stage, self.now in uses:
            rest.end(stage)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            times.append(self.times)
        return times


def test_stages_are_woken_at_the_first_use_and_where_they_may_be_at_rest_again() -> None:
    uses = [("frontend", at) for at in (5, 6, 55, 104, 155, 156, 400)]
    assert asyncio.run(Woken().times_woken_by(100, *uses)) == [1, 1, 1, 1, 2, 2, 3]


def test_a_stage_may_be_at_rest_while_others_are_used() -> None:
    uses = [("frontend", 0), ("vocoder", 1), ("vocoder", 45), ("vocoder", 90), ("frontend", 91)]
    assert asyncio.run(Woken().times_woken_by(100, *uses)) == [1, 1, 1, 1, 2]


def test_use_goes_on_where_stages_cannot_be_woken(caplog: pytest.LogCaptureFixture) -> None:
    stages = Woken(RuntimeError("no room"))
    with caplog.at_level(logging.WARNING):
        asyncio.run(stages.times_woken_by(100, ("frontend", 5), ("frontend", 6)))
    assert stages.times == 1
    assert "no room" in caplog.text
