"""Batching by step (`serve_app.batching.step_loop`) against batching by request and no batching.

    python -m benchmarks.batching [--models seedvc …] [--arrivals poisson bursty] [--seed 2]
    python -m benchmarks.batching --real

The same seeded arrivals are played against each, at three loads, in virtual time: the real loop
drives a stage whose calls take what `costs.toml` says. A load is a share of what batching by
request can do at best. That is tuned with hindsight: for each trace it gets the batch size (up to
16, or the loop's own bound if that is higher) and the window with its lowest p99 there. Batching by
request serves in order of arrival; the loop's fair order makes whoever asks for much wait, which
the p99 of all shows as a loss. So the loop also gets the trace as if all came from one user.
`--real` plays shorter traces against a small network that really
computes, where batching by request gets the batch size that is fastest.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

from benchmarks.batching.costs import SpentTime, read_costs
from benchmarks.batching.replay import (
    Batcher,
    ByRequest,
    BySteps,
    Clock,
    ComputingClock,
    Times,
    VirtualClock,
    Watched,
    replay,
)
from benchmarks.batching.traces import MIXES, Clip, Mix, trace
from serve_app.batching.step_loop import Limits, Stage, StepLoop

LOADS = {"low": 0.3, "high": 0.8, "saturated": 1.7}
SIZES = (2, 4, 8, 16, 32)
WINDOWS = (0.0, 0.05, 0.2, 1.0)
"""Waiting times that batching by request is tried with, in mean times between its clips at best."""
REAL_MIX = Mix(8, 60, 1, (1, 1, 2, 4), (10, 25, 25, 50))

Way = Callable[[Stage, Clock], Batcher]
Play = Callable[[Sequence[Clip], Way], "Row"]


class Arrivals(NamedTuple):
    """How many clips, and how they come."""

    clips: int
    bursty: bool
    seed: int


@dataclass(frozen=True, slots=True)
class Row:
    clips_per_second: float
    finished: list[float]
    first: list[float]
    in_vain: float
    """Share of what was computed that no segment needed: padding, and steps past one's own."""
    mean_batch: float

    @classmethod
    def of(cls, clips: Sequence[Clip], times: Times, watched: Watched) -> Row:
        needed = sum(work.length * work.steps for clip in clips for work in clip.segments)
        return cls(
            clips_per_second=len(clips) / times.end,
            finished=percentiles(times.finished),
            first=percentiles(times.first),
            in_vain=1 - needed / watched.computed,
            mean_batch=watched.members / watched.steps,
        )

    def __str__(self) -> str:
        times = " | ".join(f"{value:.3g}" for value in (*self.finished, *self.first))
        return (
            f"{self.clips_per_second:.3g} | {times} | {self.in_vain:.0%} | {self.mean_batch:.1f} |"
        )


HEAD = """\
| load | batching | clips/s | finished p50, s | p95 | p99 | first p50, s | p95 | p99 \
| in vain | mean batch |
|---|---|---|---|---|---|---|---|---|---|---|"""


def percentiles(values: Sequence[float]) -> list[float]:
    """p50, p95 and p99."""
    ordered = sorted(values)
    return [ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95, 0.99)]


def by_step(limits: Limits) -> Way:
    return lambda stage, clock: BySteps(StepLoop(stage, limits, clock.now), clock)


def by_request(most: int, window: float, shrinking: bool = False) -> Way:
    return lambda stage, clock: ByRequest(stage, clock, most, window, shrinking)


def compare(
    play: Play,
    mix: Mix,
    limits: Limits,
    arrivals: Arrivals,
    tries: int = len(SIZES),
) -> None:
    """Prints the table of one model and one kind of arrivals. Batching by request is tried with
    its `tries` fastest batch sizes."""
    count, bursty, seed = arrivals
    backlog = trace(mix, count, 1e9, bursty=False, seed=1)
    sizes = [most for most in SIZES if most <= max(16, limits.max_batch)]
    rates = {most: play(backlog, by_request(most, 0.0)).clips_per_second for most in sizes}
    best = max(rates.values())
    sizes = sorted(sizes, key=rates.__getitem__)[-tries:]
    print(f"Batching by request at best: {best:.3g} clips/s\n\n{HEAD}")
    for load, share in LOADS.items():
        clips = trace(mix, count, share * best, bursty, seed)
        most, window = tuned(play, clips, sizes, best)
        rows = {
            "none": play(clips, by_request(1, 0.0)),
            f"by request, {most} in {window:.2g} s": play(clips, by_request(most, window)),
            "the same, each its own steps": play(clips, by_request(most, window, True)),
            "by step": play(clips, by_step(limits)),
            "by step, as of one user": play(of_one_user(clips), by_step(limits)),
        }
        for way, row in rows.items():
            print(f"| {load} ({share:g}) | {way} | {row}", flush=True)
        _, request, _, steps, one_user = rows.values()
        print(f"| {load} | **by step / by request** | {gain(steps, request)}")
        print(f"| {load} | **the same, as of one user** | {gain(one_user, request)}")


def of_one_user(clips: Sequence[Clip]) -> list[Clip]:
    return [replace(clip, user="one") for clip in clips]


def tuned(
    play: Play, clips: Sequence[Clip], sizes: Sequence[int], best: float
) -> tuple[int, float]:
    """Batch size and window (seconds) with the lowest p99 of batching by request for a trace."""
    choices = [(most, window / best) for most, window in product(sizes, WINDOWS)]
    if len(sizes) == 1:
        return choices[0]
    return min(choices, key=lambda choice: play(clips, by_request(*choice)).finished[-1])


def gain(steps: Row, request: Row) -> str:
    times = zip((*steps.finished, *steps.first), (*request.finished, *request.first), strict=True)
    changes = " | ".join(f"{ours / theirs - 1:+.0%}" for ours, theirs in times)
    return f"×{steps.clips_per_second / request.clips_per_second:.2f} | {changes} | | |"


def modelled(name: str, arrivals: Arrivals) -> None:
    costs = read_costs(name)

    def play(clips: Sequence[Clip], way: Way) -> Row:
        clock = VirtualClock()
        stage = SpentTime(costs, clock.spend)
        watched = Watched(stage, costs.step.layout, lambda state: state.work.length)
        return Row.of(clips, replay(clips, way(watched, clock), clock, lambda work: work), watched)

    mix = MIXES[name.removesuffix("-gpu")]
    limits = Limits(
        costs.max_batch, costs.max_batch * mix.longest, costs.spread, join_every=costs.join_every
    )
    compare(play, mix, limits, arrivals)


def real(arrivals: Arrivals) -> None:
    # Here, so that the cost model runs without torch.
    from benchmarks.batching import small

    stage = small.stage()

    def play(clips: Sequence[Clip], way: Way) -> Row:
        clock = ComputingClock()
        watched = Watched(stage, small.LAYOUT, lambda state: state.segment.length)
        return Row.of(clips, replay(clips, way(watched, clock), clock, small.segment), watched)

    limits = Limits(max_batch=16, max_length=16 * REAL_MIX.longest, spread=math.inf)
    compare(play, REAL_MIX, limits, arrivals, tries=1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Batching by step, by request, and none.")
    models = [name + device for device in ("", "-gpu") for name in MIXES]
    parser.add_argument("--models", nargs="+", choices=models, default=models)
    parser.add_argument("--arrivals", nargs="+", default=["poisson", "bursty"])
    parser.add_argument("--clips", type=int, help="of each trace: 600, or 60 with --real")
    parser.add_argument("--seed", type=int, default=2, help="of the arrivals")
    parser.add_argument("--real", action="store_true", help="a small network that computes")
    options = parser.parse_args()
    for name in ["small"] if options.real else options.models:
        for arrivals in options.arrivals:
            print(f"\n### {name}, {arrivals}\n")
            bursty = arrivals == "bursty"
            if options.real:
                real(Arrivals(options.clips or 60, bursty, options.seed))
            else:
                modelled(name, Arrivals(options.clips or 600, bursty, options.seed))


if __name__ == "__main__":
    main()
