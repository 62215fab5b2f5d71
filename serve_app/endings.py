"""Waiting for the end of tasks, where whoever waits may be cancelled meanwhile.

`asyncio.gather` passes such a cancellation on, which interrupts the clean-up that is waited for;
`asyncio.wait` leaves at once. Neither will do where what follows must not run beside the tasks. Nor
is one cancellation the last: a lost lease may follow a time-out, and anyio repeats its own at every
turn of the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any


async def end(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancels tasks, once, and waits until all have ended, however they end."""
    given = list(tasks)
    for task in given:
        task.cancel()
    await ended(given)
    for task in given:
        if not task.cancelled():
            task.exception()  # Looked at, so that it is not logged as lost.


async def ended(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Waits until all have ended. The first cancellation of whoever waits is raised after that."""
    cancellation: asyncio.CancelledError | None = None
    pending = {future for future in futures if not future.done()}
    while pending:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError as error:
            cancellation = cancellation or error
        pending = {future for future in pending if not future.done()}
    if cancellation is not None:
        raise cancellation
