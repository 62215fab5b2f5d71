"""A guard against regress: residual blocks with fewer products against torch's own, in pairs.

    python -m benchmarks.blocks [--most 0.85]

Prints, for each number of taps, the CPU-seconds of a block of Kokoro's decoder both ways, the ratio
and how near the results are. Both run by turns in this process on one thread, so that a busy
machine slows both. The exit status is 1 where a ratio is above `--most`: quiet ones are 0.3 to 0.6.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from pipelines.networks.vocoders.snake import SnakeResidual
from pipelines.runtime.device import Runtime
from pipelines.runtime.lengths import Lengths
from pipelines.runtime.precision import place

CHANNELS, STEPS, STYLE = 128, 9_600, 128
TAPS = (3, 7, 11)
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Pair:
    taps: int
    plain: float
    fast: float
    """CPU-seconds, medians."""
    decibels: float
    """Of the fast result against the plain one."""

    @property
    def ratio(self) -> float:
        return self.fast / self.plain


@torch.inference_mode()
def measure(taps: int, channels: int = CHANNELS, steps: int = STEPS, rounds: int = ROUNDS) -> Pair:
    lengths, style = Lengths.of([steps]), torch.randn(1, STYLE)
    x = torch.randn(1, steps, channels).mT
    runs: list[Callable[[], Tensor]] = []
    for convolutions in ("plain", "fast"):
        torch.manual_seed(taps)
        block = torch.nn.Sequential(SnakeResidual(channels, taps, (1, 3, 5), STYLE)).eval()
        place(block, Runtime(torch.device("cpu"), torch.float32, convolutions))
        runs.append(partial(block[0], x, style, lengths))
    plain, fast = (run() for run in runs)
    error = (fast - plain).square().mean() / plain.square().mean()
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for kept, run in zip(times, runs, strict=True):
            start = time.process_time()
            run()
            kept.append(time.process_time() - start)
    return Pair(taps, *map(statistics.median, times), float(-10 * error.log10()))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=float, default=0.85, help="the largest ratio that is good")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    pairs = [measure(taps) for taps in TAPS]
    print("| taps | plain, CPU-s | fast, CPU-s | ratio | dB |\n|---|---|---|---|---|")
    for pair in pairs:
        times = f"{pair.plain:.3f} | {pair.fast:.3f} | {pair.ratio:.2f}"
        print(f"| {pair.taps} | {times} | {pair.decibels:.0f} |")
    return int(any(pair.ratio > options.most for pair in pairs))


if __name__ == "__main__":
    raise SystemExit(main())
