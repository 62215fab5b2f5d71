"""Processes that outlive the one which began them: found by a variable of their environment."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def processes_with(variable: str, value: str) -> list[int]:
    """The other processes whose environment had this at their start. Empty where the system does
    not tell (outside of Linux)."""
    wanted = f"{variable}={value}".encode()
    found = []
    for folder in _PROC.glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if wanted in environment and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def end_processes_with(variable: str, value: str, seconds: float) -> None:
    """Waits `seconds` for them to end by themselves, then kills them."""
    deadline = time.monotonic() + seconds
    while processes_with(variable, value) and time.monotonic() < deadline:
        time.sleep(0.2)
    for pid in processes_with(variable, value):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
