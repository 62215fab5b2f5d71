"""`python -m tests.chaos --seed 1`: a run that strikes a real system, and its table."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Mapping

from rich.console import Console

from tests.chaos.plan import LONG, SHORT, make
from tests.chaos.promises import show_promises
from tests.chaos.run import Record, carry_out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000))
    parser.add_argument("--short", action="store_true", help="a minute and a half")
    options = parser.parse_args()
    console = Console(width=110)
    plan = make(options.seed, SHORT if options.short else LONG)
    record = carry_out(plan, lambda line: print(line, flush=True))
    _show(record, console)
    return 0 if record.kept else 1


def _show(record: Record, console: Console) -> None:
    show_promises(f"seed {record.plan.seed}", record.promises, console)
    counted: dict[str, Mapping[str, int]] = {
        "clips": record.outcomes,
        "answers": record.answers,
        "requests that met trouble": {str(fault): n for fault, n in record.faults.items()},
    }
    for title, counter in counted.items():
        what = ", ".join(f"{count} {name}" for name, count in sorted(counter.items()))
        console.print(f"{title}: {what}", soft_wrap=True, highlight=False)
    times = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in record.times.items())
    console.print(f"time: {times}", highlight=False)
    verdict = "[green]every promise was kept[/]" if record.kept else "[red]promises were broken[/]"
    console.print(verdict)


if __name__ == "__main__":
    # Ray reads these when it is imported.
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    sys.exit(main())
