"""Tasks are waited for to their end, whoever is cancelled meanwhile and however often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from serve_app.endings import end, ended


class CleaningUp:
    """A task whose clean-up takes a while."""

    def __init__(self) -> None:
        self.cleaned = False
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.1)
            self.cleaned = True


async def failing() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        raise ZeroDivisionError


def test_end_ends_tasks_however_they_end(caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        one, other = CleaningUp(), asyncio.create_task(failing())
        done = asyncio.create_task(asyncio.sleep(0))
        await asyncio.sleep(0.01)
        await end([one.task, other, done])
        assert one.cleaned
        assert isinstance(other.exception(), ZeroDivisionError)
        assert not done.cancelled()
        await end([])

    asyncio.run(go())
    assert caplog.text == "", "nothing is logged as lost"


@pytest.mark.parametrize("wait", [end, ended])
def test_cancellations_of_who_waits_come_after_the_end(
    wait: Callable[[list[asyncio.Future[Any]]], Awaitable[None]],
) -> None:
    async def go() -> None:
        one = CleaningUp()
        await asyncio.sleep(0.01)
        waiting = asyncio.ensure_future(wait([one.task]))
        await asyncio.sleep(0)
        if wait is ended:
            one.task.cancel()
        for message in ("first", "second", "third"):
            await asyncio.sleep(0.01)
            waiting.cancel(message)
        with pytest.raises(asyncio.CancelledError, match="first"):
            await waiting
        assert one.cleaned

    asyncio.run(go())


def test_scope_that_repeats_its_cancellation_takes_its_own_for_its_own() -> None:
    """anyio knows its cancellations by their words; one of a task would pass it."""

    async def go() -> bool:
        one = CleaningUp()
        await asyncio.sleep(0.01)
        with anyio.move_on_after(0.02):
            await end([one.task])
        return one.cleaned

    assert asyncio.run(go())


def test_waiting_in_a_timeout_ends_as_a_timeout() -> None:
    async def go() -> None:
        one = CleaningUp()
        await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await end([one.task])
        assert one.cleaned

    asyncio.run(go())
