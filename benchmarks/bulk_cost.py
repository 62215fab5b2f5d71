"""What a batch of Kokoro costs, beside the bare pipeline on the same lines, in turn.

    python -m benchmarks.bulk_cost --lines 200 --rounds 2

The lines are of 10 to 125 characters, in no order. The bare pipeline makes them on one thread, in a
process of its own, one after the other. A job by `ray job submit` makes them through the whole of
`bernie up` on PostgreSQL. Prints audio-seconds per CPU-second of both and their ratio: once with
the processes of the stages alone, and once with all of the system, from the acceptance of the batch
to its last line; and audio-seconds per second.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

from benchmarks.bulk_system import System, running
from pipelines.bare import BarePipeline
from pipelines.protocol import SpeechRequest
from pipelines.settings import PipelineSettings
from serve_app.db.models import Batch
from serve_app.deployments.ray_environment import MALLOC, SHAPE_CACHES

SPOKEN = Path(__file__).parent / "utterances.txt"
VOICE = "af_heart"
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


def bare(lines: int) -> float:
    """Audio-seconds per CPU-second of the three stages, after a few lines that warm up."""
    pipeline = BarePipeline("styletts2", "kokoro", PipelineSettings(threads=1))
    said = texts(lines)
    for text in said[:4]:
        pipeline.clip(SpeechRequest(text, VOICE))
    begun = time.process_time()
    samples = sum(len(pipeline.clip(SpeechRequest(text, VOICE))) for text in said)
    return samples / pipeline.sample_rate / (time.process_time() - begun)


def bare_apart(lines: int) -> float:
    command = [sys.executable, "-m", "benchmarks.bulk_cost", "--bare", "--lines", str(lines)]
    environment = {**os.environ, **MALLOC, **SHAPE_CACHES, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


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
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        print(json.dumps(bare(given.lines)))
        return
    rows = []
    with running("kokoro") as system:
        served(system, texts(8))  # warms up
        for _ in range(given.rounds):
            rows.append((bare_apart(given.lines), *served(system, texts(given.lines))))
            alone, stages, whole, rate = rows[-1]
            print(
                f"bare {alone:.2f} audio-s per CPU-s; stages {stages:.2f}, all {whole:.2f}; "
                f"{rate:.1f} audio-s/s",
                flush=True,
            )
    for name, column in (("the stages", 1), ("all processes", 2)):
        ratio = statistics.median(row[column] / row[0] for row in rows)
        print(f"{name}: {ratio:.3f} of the bare pipeline")


if __name__ == "__main__":
    main()
