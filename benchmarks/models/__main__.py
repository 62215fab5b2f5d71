"""The models at full size with random weights: what each stage costs.

    python -m benchmarks.models [--model NAME ...] [--dtype TYPE ...] [--batch N ...]

Each stage runs in a process of its own, so that the peak memory is its own (Python and torch
included), under the allocator settings that the service runs with. On a CPU the peak is that of the
process, on a GPU that of its memory. The last column says how far the result is from that of the
same model in float32: power of the float32 result over power of the difference.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import torch

from benchmarks.models import conversion, sounds, speech
from benchmarks.models.floor import plain_convolutions
from benchmarks.models.work import Prepare, Size, Work, flat
from pipelines.runtime.device import configure
from pipelines.settings import PipelineSettings
from serve_app.deployments.ray_environment import MALLOC, SHAPE_CACHES

MODELS: dict[str, dict[str, Prepare]] = {
    **speech.MODELS,
    **conversion.MODELS,
    **sounds.MODELS,
}

Row = list[float | None]
FIGURES = ("s", "CPU-s", "peak, GiB", "dB")
FLOOR = ("CPU-s", "of its convolutions alone")


@torch.inference_mode()
def measure(prepare: Prepare, size: Size, repeats: int) -> Row:
    """`FIGURES`: medians of seconds and CPU-seconds after a run that is not counted, the peak, and
    the distance from float32."""
    cuda = size.runtime.device.type == "cuda"
    torch.manual_seed(0)
    work = prepare(size)
    first = flat(work())
    times = [_timed(work, cuda) for _ in range(repeats)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if cuda:
        peak = torch.cuda.max_memory_allocated()
    seconds, cpu_seconds = map(statistics.median, zip(*times, strict=True))
    return [seconds, cpu_seconds, peak / 2**30, _decibels(first, prepare, size)]


def _timed(work: Work, cuda: bool = False) -> tuple[float, float]:
    """Seconds and CPU-seconds."""
    start, start_cpu = time.perf_counter(), time.process_time()
    work()
    if cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start, time.process_time() - start_cpu


@torch.inference_mode()
def measure_floor(prepare: Prepare, size: Size, repeats: int) -> Row:
    """`FLOOR`: median CPU-seconds of a stage and of its convolutions over time alone, by turns."""
    torch.manual_seed(0)
    works = [work := prepare(size), plain_convolutions(work)]
    times = [[_timed(work)[1] for work in works] for _ in range(repeats + 1)]
    return [statistics.median(column) for column in zip(*times[1:], strict=True)]


def _decibels(result: torch.Tensor, prepare: Prepare, size: Size) -> float | None:
    """How far the result of the first run is from that in float32; None if it is the same."""
    if size.runtime.dtype is torch.float32:
        return None
    torch.manual_seed(0)
    exact = flat(prepare(size.exact())())
    error = (result - exact).square().mean() / exact.square().mean()
    return float(-10 * error.log10()) if error > 0 else None


def alone(model: str, stage: str, dtype: str, batch: int, options: argparse.Namespace) -> None:
    """Measure one stage in a process of its own and print its row."""
    task = json.dumps([model, stage, dtype, batch, options.device, options.threads])
    command = [sys.executable, "-m", "benchmarks.models", "--task", task]
    command += ["--repeats", str(options.repeats)] + ["--floor"] * options.floor
    environment = {**os.environ, **MALLOC, **SHAPE_CACHES, "OMP_NUM_THREADS": str(options.threads)}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    row = json.loads(done.stdout.splitlines()[-1])
    figures = ("" if figure is None else f"{figure:.3g}" for figure in row)
    print("|", " | ".join([model, stage, dtype, str(batch), *figures]), "|", flush=True)


def run_task(task: str, repeats: int, floor: bool) -> None:
    model, stage, dtype, batch, device, threads = json.loads(task)
    runtime = configure(PipelineSettings(device=device, dtype=dtype, threads=threads))
    take = measure_floor if floor else measure
    print(json.dumps(take(MODELS[model][stage], Size(runtime, batch), repeats)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--stage", help="only stages whose name holds this")
    types = ("auto", "float32", "bfloat16")
    parser.add_argument("--dtype", nargs="+", choices=types, default=["float32", "bfloat16"])
    parser.add_argument("--batch", nargs="+", type=int, default=[1])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--floor",
        action="store_true",
        help="a stage next to its one-dimensional convolutions alone, as plain layers of torch",
    )
    parser.add_argument("--task", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        run_task(options.task, options.repeats, options.floor)
        return
    print(f"{options.device}, {options.threads} thread(s)\n")
    columns = ["model", "stage", "type", "batch", *(FLOOR if options.floor else FIGURES)]
    print("|", " | ".join(columns), "|")
    print("|" + "---|" * len(columns))
    for model in options.model:
        for stage in MODELS[model]:
            if options.stage and options.stage not in stage:
                continue
            for dtype in options.dtype:
                for batch in options.batch:
                    alone(model, stage, dtype, batch, options)


if __name__ == "__main__":
    main()
