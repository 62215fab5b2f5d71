"""Environment variables of processes to be started. Imports nothing of Ray or of this system."""

from __future__ import annotations

import os
from pathlib import Path

RAY = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9/",
    "RAY_worker_niceness": "0",
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
    "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "5000",
    "RAY_DASHBOARD_AGENT_CHECK_PARENT_INTERVAL_S": "2",
    "RAY_DASHBOARD_AGENT_LOOP_MONITOR_INTERVAL_S": "2",
    "METRICS_RECORD_INTERVAL_S": "60",
    "SCAN_EVENT_DIR_INTERVAL_SECONDS": "10",
    "EVENT_AGENT_REPORT_INTERVAL_SECONDS": "1",
    "LOG_NAME_UPDATE_INTERVAL_S": "5",
    "RAY_JOB_STOP_WAIT_TIME_S": "30",
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": (
        "serve_app.deployments.proxy_middleware:middlewares"
    ),
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Ray's usage report is off and has no destination. Workers run at normal priority. A call is
routed on the event loop that makes it: a hop to another thread costs a request a millisecond. Serve
and Ray look at themselves twice a second at most, not ten times: an idle system then takes two
fifths less of a core. The dashboard looks at its own memory once a minute. A job that is stopped
has 30 s between SIGTERM and SIGKILL."""

INTERPRETER = Path(__file__).parent / "interpreter"
"""Where Python processes find what they do first."""


def python_path(earlier: str) -> str:
    """The `PYTHONPATH` of Ray's processes, by that of this one."""
    others = [each for each in earlier.split(os.pathsep) if each not in ("", str(INTERPRETER))]
    return os.pathsep.join([str(INTERPRETER), *others])


ONE_LOOP = {"RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0"}
"""For a deployment that never blocks its event loop: it runs on that of its replica."""

MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(8 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
    "MALLOC_TOP_PAD_": str(32 << 20),
    "MALLOC_ARENA_MAX": "1",
}
"""Large blocks stay in the heap. With the default thresholds every large batch on a CPU pays for
mapping and clearing its pages again. `heap.py` decides when memory is returned to the system."""

SHAPE_CACHES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "256", "LRU_CACHE_CAPACITY": "64"}
"""oneDNN keeps a compiled primitive for each shape that it has met, and torch's interface to it
a second cache of them; each has 1024 entries by default. Nearly every text has shapes of its own: a
segment of speech adds 40 primitives (6 MB) to the first cache and 1.5 MB to the second. These
capacities hold the shapes of a segment, which its layers and steps share."""

SMALL_HEAPS = {"MALLOC_ARENA_MAX": "2"}
"""For processes of many threads without models: by default glibc gives each thread an arena, up to
eight per core, and keeps what they free."""

OMP_PASSIVE_WAIT = {"OMP_WAIT_POLICY": "PASSIVE"}
"""OpenMP threads sleep while they wait for each other. Where replicas share cores, as on a laptop,
spinning threads keep the others from the work that they wait for: three replicas of two threads on
two cores took 20 times as long."""

MESSAGES = {"RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(2**31 - 1)}
"""Serve limits messages between replicas to 4 MiB: less than half a minute of a recording, or the
segments of a few seconds. This raises the limit to gRPC's maximum."""
