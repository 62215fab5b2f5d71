"""The processes of a system that this one has started."""

from __future__ import annotations

from collections.abc import Iterator

import psutil


def family() -> Iterator[psutil.Process]:
    here = psutil.Process()
    yield here
    yield from here.children(recursive=True)


def name_of(process: psutil.Process) -> str:
    """What a process is in this system."""
    words = process.cmdline() or [process.name()]
    title = " ".join(words)
    if "ray::" in title:
        return title.split("ray::")[1].split()[0].removeprefix("ServeReplica:bernie:").split(".")[0]
    if "ray-dashboard-" in title or "dashboard.py" in title or "forkserver" in title:
        return "dashboard"
    for part in (
        "fork_server",
        "gcs_server",
        "raylet",
        "log_monitor",
        "monitor",
        "weed",
        "postgres",
    ):
        if part in title:
            return part
    return "bernie up" if process.pid == psutil.Process().pid else process.name()
