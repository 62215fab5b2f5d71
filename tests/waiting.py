"""Waiting until something becomes true, in a thread or on an event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import psutil

_PAUSE_SECONDS = 0.05


def until(condition: Callable[[], Any], seconds: float, what: str) -> None:
    """Polls a condition. Raises AssertionError, which says `what`, unless it comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(_PAUSE_SECONDS)


async def until_on_loop(condition: Callable[[], Any], seconds: float, what: str) -> None:
    """The same on an event loop, which goes on between two looks."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(_PAUSE_SECONDS / 5)


def until_process_ends(pid: int, seconds: float) -> None:
    """Waits for the end of a process that is no child of this one."""

    def ended() -> bool:
        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    until(ended, seconds, f"process {pid} ends")
