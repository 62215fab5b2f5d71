"""Stages that wait until they are released, for tests of their drivers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

from serve_app.batching.fair_queue import Ticket
from serve_app.batching.step_loop import Limits, OneShot, Outcome
from serve_app.deployments.background import Background
from serve_app.deployments.stage_driver import StageDriver


class Gate:
    """A one-shot stage that waits until it is released, and records its batches."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[Any]] = []
        self.threads: set[str] = set()

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        self.threads.add(threading.current_thread().name)
        self.batches.append(list(items))
        self.entered.set()
        assert self.open.wait(10)
        if "bad" in items:
            raise ValueError("bad item")
        return [item.upper() for item in items]


class Blocked(Gate):
    """A stage in which lines of batches wait until it is released, and nothing else does."""

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        if threading.current_thread().name.startswith("background"):
            return super().__call__(items)
        self.threads.add(threading.current_thread().name)
        return [item.upper() for item in items]


class Plain(Background):
    """Threads like all others, without torch."""

    def enter(self) -> None:
        pass

    prepare = enter


def line(key: str) -> Ticket:
    return Ticket(key, "u", bulk=True)


def make(gate: Gate, observed: list[Outcome], max_batch: int = 4) -> StageDriver:
    return StageDriver(
        lambda: OneShot(gate), Limits(max_batch=max_batch), lambda o, _: observed.append(o), 60
    )


async def second_cancelled(
    driver: StageDriver, gate: Gate, ticket: Callable[[str], Ticket]
) -> object:
    """Runs three items and cancels the second while the first is computed; returns what it gave."""
    calls = [asyncio.create_task(driver.run(ticket(key), key)) for key in "abc"]
    await asyncio.to_thread(gate.entered.wait, 10)
    calls[1].cancel()
    await asyncio.sleep(0)
    gate.open.set()
    return (await asyncio.gather(*calls, return_exceptions=True))[1]
