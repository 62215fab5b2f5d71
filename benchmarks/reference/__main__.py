"""Our models next to the code that their authors published: CPU-seconds, and whether they agree.

    pip install --no-deps styletts2 kokoro bigvgan audioldm einops einops-exts
    python -m benchmarks.reference [--only TEXT] [--rounds N]

For each stage of which a package holds the reference, both networks are built at full size with
the same random weights and get the same inputs. They run by turns in one process, on one core of
the CPU, the reference in float32 with its norms folded, ours in float32 and bfloat16. Times are
medians of CPU-seconds after one round that is not counted. The last columns are the power of the
reference's result over that of the difference of ours.

Both run under the allocator settings of the service; without them the reference would be slower.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

import torch

from benchmarks.models.work import Work, flat
from benchmarks.reference import sounds, speech
from benchmarks.reference.published import INSTALL, at_rest, missing
from pipelines.runtime.device import Runtime
from serve_app.deployments.ray_environment import MALLOC, SHAPE_CACHES

PAIRS = {**speech.PAIRS, **sounds.PAIRS}
TYPES = (torch.float32, torch.bfloat16)
COLUMNS = (
    "stage",
    "reference",
    "ours, float32",
    "ours, bfloat16",
    "float32 / reference",
    "reference / bfloat16",
    "dB, float32",
    "dB, bfloat16",
)


@torch.inference_mode()
@at_rest()
def measure(name: str, rounds: int) -> str:
    """A row of the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pair = PAIRS[name]()
    works = [
        pair.reference,
        *(pair.ours(Runtime(torch.device("cpu"), kind, "auto")) for kind in TYPES),
    ]
    right, *results = [flat(work()) for work in works]
    turns = [[_cpu_seconds(work) for work in works] for _ in range(rounds)]
    reference, exact, short = map(statistics.median, zip(*turns, strict=True))
    figures = [reference, exact, short, exact / reference, reference / short]
    figures += [_decibels(result, right) for result in results]
    return "| " + " | ".join([name, *(f"{figure:.3g}" for figure in figures)]) + " |"


def _cpu_seconds(work: Work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _decibels(result: torch.Tensor, right: torch.Tensor) -> float:
    if result.shape != right.shape:
        raise ValueError(f"{len(result)} numbers, the reference has {len(right)}")
    error = (result - right).square().mean() / right.square().mean()
    return float(-10 * error.log10())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="only stages whose name holds this")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        print(measure(options.stage, options.rounds))
        return
    if lacking := missing():
        raise SystemExit(f"Not installed: {', '.join(lacking)}. {INSTALL}")
    print("|", " | ".join(COLUMNS), "|\n" + "|---" * len(COLUMNS) + "|", flush=True)
    environment = {**os.environ, **MALLOC, **SHAPE_CACHES, "OMP_NUM_THREADS": "1"}
    for name in PAIRS:
        if options.only in name:
            command = [
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "benchmarks.reference",
                "--stage",
                name,
            ]
            command += ["--rounds", str(options.rounds)]
            subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
