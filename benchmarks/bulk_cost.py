"""What a batch of Kokoro costs, beside the bare pipeline on the same lines, in turn.

    python -m benchmarks.bulk_cost --lines 200 --rounds 2

The lines are of 10 to 125 characters, in no order. The bare pipeline makes them on one thread, in a
process of its own, one after the other: once alone on the machine, and once as many at once as
there are cores, which share the lines. A system uses all cores too, and two threads of one core do
less in a CPU-second each. A job by `ray job submit` makes the lines through the whole of `bernie
up` on PostgreSQL. Prints audio-seconds per CPU-second of all and their ratios: with the processes
of the stages alone, and with all of the system, from the acceptance of the batch to its last line;
and audio-seconds per second.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from pathlib import Path

import psutil

from benchmarks.bare_at_once import at_once
from benchmarks.bulk_system import System, running
from pipelines.runtime.cores import usable_cores
from serve_app.db.models import Batch

SPOKEN = Path(__file__).parent / "utterances.txt"
STAGES = ("-frontend", "-diffusion", "-vocoder")


def texts(lines: int) -> list[str]:
    """Beginnings of what the utterances say, the same in every run."""
    drawn = random.Random(0)
    words = [line.split() for line in SPOKEN.read_text().splitlines() if line[:1] not in ("", "#")]
    found = []
    for number in range(lines):
        spoken, most = words[number % len(words)], drawn.randint(10, 125)
        text = spoken[0]
        for word in spoken[1:]:
            if len(text) + len(word) >= most:
                break
            text += f" {word}"
        found.append(text.rstrip(".,;:?!") + ".")
    return found


def used() -> dict[str, float]:
    """CPU-seconds of the processes below this one, by kind."""
    found = {"stages": 0.0, "others": 0.0}
    for process in psutil.Process().children(recursive=True):
        try:
            stage = any(name in " ".join(process.cmdline()) for name in STAGES)
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        found["stages" if stage else "others"] += times.user + times.system
    return found


def served(system: System, said: list[str]) -> tuple[float, float, float]:
    """Audio-seconds per CPU-second of the stages, and of all; audio-seconds per second."""
    before = system.batch()
    job = system.submit(said)

    def look() -> tuple[Batch | None, dict[str, float], float]:
        found = system.batch()
        new = found is not None and (before is None or found.id != before.id)
        return found if new else None, used(), time.monotonic()

    first = last = look()
    while job.poll() is None:
        now = look()
        if now[0] is None:
            first = now
        elif last[0] is None or now[0].succeeded > last[0].succeeded:
            last = now
        time.sleep(0.2)
    assert job.returncode == 0
    assert last[0] is not None
    assert last[0].succeeded == len(said)
    audio = last[0].audio_seconds
    stages, others = (last[1][kind] - first[1][kind] for kind in ("stages", "others"))
    return audio / stages, audio / (stages + others), audio / (last[2] - first[2])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    rows = []
    cores = usable_cores()
    with running("kokoro") as system:
        served(system, texts(8))  # warms up
        said = texts(given.lines)
        for number in range(given.rounds):
            # The same manifest would be the same batch.
            random.Random(number).shuffle(said)
            alone, full = (at_once(said, each).per_cpu_second for each in (1, cores))
            rows.append((alone, full, *served(system, said)))
            stages, whole, rate = rows[-1][2:]
            print(
                f"bare {alone:.2f} audio-s per CPU-s alone, {full:.2f} as {cores} at once; "
                f"stages {stages:.2f}, all {whole:.2f}; {rate:.1f} audio-s/s",
                flush=True,
            )
    for name, column in (("the stages", 2), ("all processes", 3)):
        one, many = (
            statistics.median(row[column] / row[place] for row in rows) for place in (0, 1)
        )
        print(f"{name}: {many:.3f} of {cores} bare pipelines at once, {one:.3f} of one alone")


if __name__ == "__main__":
    main()
