"""Tries many inputs and prints what came of them: `python -m tests.fuzz --cases 10000`.

Every thousand runs in a process of its own, so that a crash is told and not the end.
"""

from __future__ import annotations

import argparse
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from tests.fuzz.running import Result, run
from tests.fuzz.targets import TARGETS

AT_ONCE = 1_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="inputs of each target")
    parser.add_argument("--only", choices=TARGETS, nargs="*", default=list(TARGETS))
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    asked = parser.parse_args()
    faults = 0
    print("| target | inputs | slowest (s) | memory (MB) | faults | outcomes |")
    print("|---|---|---|---|---|---|")
    for name in asked.only:
        result, megabytes = _tried(name, range(asked.first, asked.first + asked.cases))
        counts = ", ".join(f"{code} {count}" for code, count in result.outcomes.most_common())
        row = (name, asked.cases, f"{result.slowest:.2f}", megabytes, len(result.faults), counts)
        print("|", " | ".join(str(cell) for cell in row), "|", flush=True)
        for number, fault in sorted(result.faults.items()):
            print(f"{name} {number}: {fault}", file=sys.stderr)
        faults += len(result.faults)
    return 1 if faults else 0


def _tried(name: str, cases: range) -> tuple[Result, int]:
    """What came of the cases, and the most memory that a process of them took, in MB."""
    total, most = Result(), 0
    for first in cases[::AT_ONCE]:
        part = range(first, min(first + AT_ONCE, cases.stop))
        with ProcessPoolExecutor(1) as process:
            try:
                result, megabytes = process.submit(_part, name, part).result()
            except BrokenProcessPool:
                total.faults[first] = f"the process ended in one of {len(part)} cases from here"
                continue
        total.add(result)
        most = max(most, megabytes)
    return total, most


def _part(name: str, cases: range) -> tuple[Result, int]:
    result = run(TARGETS[name], cases)
    return result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
