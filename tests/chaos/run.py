"""One run: a plan carried out on a real system, and the verdict."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos import verdict
from tests.chaos.plan import Plan
from tests.chaos.promises import Promise
from tests.chaos.proxy import Fault
from tests.chaos.stack import Stack
from tests.chaos.users import User, UserHistory, crowd

QUIET_SECONDS = 150.0
SETTLE_SECONDS = 100.0
"""What killed workers have left is removed by a sweep, every half minute, and after four leases."""


@dataclass(slots=True)
class Record:
    """What happened, and what came of it."""

    plan: Plan
    histories: list[UserHistory]
    answers: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[Fault] = field(default_factory=Counter)
    promises: list[Promise] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        return not any(promise.broken for promise in self.promises)


def carry_out(plan: Plan, say: Callable[[str], None]) -> Record:
    """Raises AssertionError where the system does not start again after it was struck."""
    record = Record(plan, [UserHistory(submission) for submission in plan.submissions])
    begun = time.monotonic()

    def timed(text: str) -> None:
        say(f"{time.monotonic() - begun:6.1f} s  {text}")

    with tempfile.TemporaryDirectory(prefix="bernie-chaos-") as folder:
        timed(f"starting; seed {plan.seed}")
        with Stack(Path(folder), plan.seed) as stack:
            record.times["start"] = time.monotonic() - begun
            asyncio.run(_traffic(stack, record, timed))
            record.times["traffic"] = time.monotonic() - begun - sum(record.times.values())
            timed("waiting until all is quiet")
            record.times["quiet"] = verdict.quiet(stack, QUIET_SECONDS)
            timed("waiting until all is tidy")
            record.times["tidy"] = verdict.settle(stack, SETTLE_SECONDS)
            timed("looking at everything")
            record.promises = verdict.judge(stack, record.histories)
            record.outcomes = verdict.outcomes(stack)
            record.faults = Counter(stack.proxy.met)
    record.times["in all"] = time.monotonic() - begun
    return record


async def _traffic(stack: Stack, record: Record, say: Callable[[str], None]) -> None:
    """Users and blows at once."""
    async with crowd(stack.url, record.plan.size.users) as users:
        begun = time.monotonic()
        say(f"{len(users)} users have joined")
        async with asyncio.TaskGroup() as group:
            for history in record.histories:
                group.create_task(_live(users, history, record.answers))
            await _injections(stack, record.plan, begun, say)
            say("the last fault was injected")


async def _live(users: list[User], history: UserHistory, answers: Counter[str]) -> None:
    await asyncio.sleep(history.submission.at)
    await users[history.submission.user].live(history, answers)


async def _injections(stack: Stack, plan: Plan, begun: float, say: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    # One thread, which lives until the end: SeaweedFS ends with the thread that has started it.
    for event in plan.events:
        await asyncio.sleep(max(0.0, begun + event.at - time.monotonic()))
        started = time.monotonic()
        done = await loop.run_in_executor(_HANDS, stack.strike, event)
        say(f"{done}; took {time.monotonic() - started:.1f} s")


_HANDS = ThreadPoolExecutor(1, thread_name_prefix="hands")
