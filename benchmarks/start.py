"""How long `bernie up` takes until it is ready, and what its processes cost until then.

    python -m benchmarks.start [--runs 3] [--against FOLDER]

Starts it as often on its defaults, each time with a new data folder, and by turns with that of
another checkout, in this environment. Prints seconds and CPU-seconds until it says that it is up,
and the memory of all processes then (PSS: what several share is counted once); of the last run also
each process. Needs Linux.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from benchmarks.processes import name_of
from serve_app.cli.ports import free_port

HERE = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-c", "from serve_app.cli.main import app; app()", "up"]
STOP_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Process:
    name: str
    begun: float
    """Seconds after the start."""
    cpu: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Start:
    seconds: float
    cpu: float
    """CPU-seconds, with those of processes that have ended."""
    processes: list[Process]

    @property
    def megabytes(self) -> float:
        return sum(each.megabytes for each in self.processes)


@contextmanager
def running(tree: Path) -> Iterator[psutil.Process]:
    """`bernie up` of a checkout, once it is up."""
    with tempfile.TemporaryDirectory() as folder:
        ports = ["--port", str(free_port()), "--dashboard-port", str(free_port())]
        environment = {**os.environ, "BERNIE_DATA_DIR": folder, "PYTHONPATH": str(tree)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        with subprocess.Popen(
            [*COMMAND, *ports],
            cwd=tree,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            try:
                told = []
                for line in process.stdout:
                    told.append(line)
                    if "Bernie is up" in line:
                        break
                else:
                    raise SystemExit(f"bernie up has ended:\n{''.join(told)}")
                yield psutil.Process(process.pid)
            finally:
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=STOP_SECONDS)


def measured(tree: Path) -> Start:
    begun, clock = time.monotonic(), time.time()
    with running(tree) as top:
        seconds = time.monotonic() - begun
        cpu, found = 0.0, []
        for process in (top, *top.children(recursive=True)):
            times = process.cpu_times()
            own = times.user + times.system
            cpu += own + times.children_user + times.children_system
            memory = process.memory_full_info().pss / 2**20
            name = "bernie up" if process == top else name_of(process)
            found.append(Process(name, process.create_time() - clock, own, memory))
    return Start(seconds, cpu, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--against", type=Path)
    options = parser.parse_args()
    trees = [*([options.against.resolve()] if options.against else []), HERE]
    starts: dict[Path, list[Start]] = {tree: [] for tree in trees}
    for _ in range(options.runs):
        for tree in trees:
            start = measured(tree)
            starts[tree].append(start)
            print(f"{tree.name:16} {start.seconds:5.1f} s {start.cpu:5.1f} CPU-s", flush=True)
    for tree, each in starts.items():
        seconds, cpu, megabytes = (
            median(getattr(start, field) for start in each)
            for field in ("seconds", "cpu", "megabytes")
        )
        print(f"\n{tree.name}: {seconds:.1f} s, {cpu:.1f} CPU-s, {megabytes / 1024:.2f} GB")
        for process in sorted(each[-1].processes, key=lambda process: process.begun):
            print(
                f"  {process.begun:5.1f} s  {process.cpu:5.2f} CPU-s  {process.megabytes:5.0f} MB"
                f"  {process.name}"
            )


if __name__ == "__main__":
    main()
