"""Finds and kills replicas of the running system."""

from __future__ import annotations

import psutil


def kill_replica(deployment: str, below: int | None = None) -> int:
    """SIGKILL to one live replica of a deployment, of the system below this process or another;
    returns its process id."""
    replica = replicas(deployment, below)[0]
    replica.kill()
    return replica.pid


def replicas(deployment: str, below: int | None = None) -> list[psutil.Process]:
    """The processes below this one, or another, that run a replica of the deployment."""
    title = f"ray::ServeReplica:bernie:{deployment}"
    return [each for each in psutil.Process(below).children(recursive=True) if _is(each, title)]


def _is(process: psutil.Process, title: str) -> bool:
    try:
        return " ".join(process.cmdline()).startswith(title)
    except psutil.NoSuchProcess:
        return False
