"""Finds and kills replicas of the running system."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from ray.util.state import list_actors


def kill_replica(deployment: str) -> int:
    """SIGKILL to one live replica of a deployment; returns its process id."""
    pid = replica_pids(deployment)[0]
    os.kill(pid, signal.SIGKILL)
    return pid


def replica_pids(deployment: str) -> list[int]:
    actors = list_actors(filters=[("state", "=", "ALIVE")], limit=1_000)
    return [int(each.pid) for each in actors if f":{deployment}" in each.class_name and each.pid]


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Waits for a condition. Raises AssertionError where it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)
