"""How many cores this process may use. Needs nothing but the standard library."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def usable_cores(cgroup: Path = _CGROUP) -> int:
    """Those of its affinity, and no more than its container's quota pays for: at least one."""
    return max(1, min(_affinity(), _quota(cgroup)))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(cgroup: Path) -> int:
    """Of cgroup v2 (`cpu.max`) or v1, rounded up; as many as there may be where none is set."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return 2**31
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return 2**31  # `max`, or -1
    return math.ceil(int(quota) / int(period))
