"""Everything that a GPU has to be asked, in one command of under 8 minutes:

    python -m benchmarks.gpu [--json benchmarks/results/gpu.json] [--seconds 460]

1. Right: each stage at reduced width gives on the card what it gives on the CPU, called as it is
   and replayed from a graph, where the service captures it.
2. Fast: each stage at full size with random weights, in float32 and bfloat16, for batches of 1, 4
   and 16: milliseconds, seconds of audio per second, peak memory, share of the peak of the card;
   and milliseconds and memory of the same as CUDA graphs, where the service captures them.
3. Batching: the flow of voice conversion under Poisson arrivals, by step and by request.

Rows are printed and stored as they come, so that a run that is cut short loses nothing: whatever
there is no time for is left out. `--device cpu --small` runs all of it in a minute without a card,
where tapes stand in for graphs.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.batching.__main__ import Row, Way, by_request, by_step
from benchmarks.batching.costs import Work as Clip
from benchmarks.batching.replay import Watched, replay
from benchmarks.batching.traces import MIXES, Mix, trace
from benchmarks.models import conversion, sounds, speech
from benchmarks.models.work import Prepare, Size, flat, still
from benchmarks.tape import TapeCapturer
from parity.sizes import seedvc
from parity.sizes.makeanaudio import OFFICIAL
from pipelines.models.seedvc.config import SeedVCConfig
from pipelines.models.seedvc.dit import VelocityEstimator
from pipelines.models.seedvc.segments import ConversionSegment
from pipelines.models.seedvc.stages import SeedVCDiffusion
from pipelines.models.styletts2.config import KOKORO, LIBRITTS, ModelConfig
from pipelines.runtime.device import CAPTURERS, Runtime, batched_everywhere, configure
from pipelines.runtime.graphs import MIB, Capturer, Capturing, Graph
from pipelines.settings import PipelineSettings
from serve_app.batching.step_loop import Limits

BATCHES = (1, 4, 16)
FEW = (2,)
"""Without a card."""
TYPES = ("float32", "bfloat16")
PEAKS = {"H200": (67e12, 989e12), "H100": (67e12, 989e12), "A100": (19.5e12, 312e12)}
"""Operations per second in float32 without TF32, and in bfloat16, of dense products."""
LEAST_DECIBELS = 50.0
"""Of a stage in float32 against itself on a CPU: the power of the result over that of the
difference."""
AUDIO_SECONDS = {"styletts2-libritts": 5.0, "styletts2-ljspeech": 5.0, "kokoro": 5.0}
AUDIO_SECONDS |= {"seed-vc": 10.0, "seed-vc-f0": 10.0, "make-an-audio": 10.24}
"""Of what a member of a batch is for."""
CALLS = 4
"""After which a stage is replayed: it is met, captured and compared before."""
GRAPH_BYTES = 64 << 30
"""For the graphs of a stage."""
LOAD = 0.8
"""Arrivals, as a share of what batching by request can do at best."""


def reduced(config: ModelConfig) -> ModelConfig:
    generator = replace(config.generator, initial_channels=32)
    bert = replace(config.bert, hidden=32, heads=2, intermediate=64, layers=2)
    narrow = replace(config, hidden=32, style=8, style_channels=8, trunk=32, trunk_residual=8)
    return replace(narrow, generator=generator, bert=bert)


SMALL_FLOW = replace(
    seedvc.SPEECH,
    dit=replace(seedvc.SPEECH.dit, width=32, heads=2, depth=3, content=32),
)
SMALL_STEP = partial(conversion.step, config=SMALL_FLOW, seconds=2.0)
SMALL_UNET = replace(OFFICIAL.unet, width=32, context=32, blocks=1)

SMALL: dict[str, dict[str, Prepare]] = {
    "styletts2-libritts": speech.stages(reduced(LIBRITTS), seconds=1),
    "kokoro": speech.stages(reduced(KOKORO), seconds=1),
    "seed-vc": {
        "flow, a step, guided": partial(SMALL_STEP, guidance=0.7),
        "flow, a step": partial(SMALL_STEP, guidance=0.0),
    },
    "make-an-audio": {
        "UNet, a step, guided": partial(sounds.step, rows=2, unet=SMALL_UNET, seconds=2.0)
    },
}
"""Stages at reduced widths, of a second or two, by model."""
FULL: dict[str, dict[str, Prepare]] = {**speech.MODELS, **conversion.MODELS, **sounds.MODELS}


class Noted:
    """A capturer that tells what became of what it captured."""

    def __init__(self, device: torch.device) -> None:
        self._capturer = CAPTURERS.get(device.type, lambda _: TapeCapturer())(device)
        self.failure = ""
        self.bytes = self.replays = 0

    def measured(self, run: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, int]:
        return self._capturer.measured(run)

    def capture(self, run: Callable[[], torch.Tensor]) -> NotedGraph:
        try:
            made = self._capturer.capture(run)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
            raise
        self.bytes += made.bytes
        return NotedGraph(made, self)

    def clear(self) -> None:
        self._capturer.clear()


@dataclass
class NotedGraph:
    made: Graph
    by: Noted

    @property
    def bytes(self) -> int:
        return self.made.bytes

    def replay(self) -> torch.Tensor:
        self.by.replays += 1
        return self.made.replay()


def with_graphs(size: Size, capturer: Capturer) -> Size:
    """The same size, where whatever the service captures is captured."""
    return replace(size, runtime=replace(size.runtime, graphs=Capturing(capturer, GRAPH_BYTES)))


@dataclass
class Report:
    """Rows found so far, in the file and on the screen."""

    path: Path | None
    until: float
    card: str
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def late(self) -> bool:
        return time.monotonic() > self.until

    def add(self, **row: Any) -> None:
        self.rows.append(row)
        print("  ".join(f"{k} {_short(v)}" for k, v in row.items()), flush=True)
        if self.path is not None:
            machine = {"card": self.card, "torch": torch.__version__, "host": platform.machine()}
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps({**machine, "rows": self.rows}, indent=1) + "\n")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def is_captured(model: str, stage: str) -> bool:
    """Whether the service captures a stage as graphs where it is told to."""
    bigvgan = stage.startswith("vocoder") and model in ("seed-vc", "seed-vc-f0", "make-an-audio")
    return bigvgan or stage.startswith(("style, ", "flow, ", "UNet, "))


def cases(models: dict[str, dict[str, Prepare]]) -> Iterator[tuple[str, str, Prepare]]:
    for model, stages in models.items():
        for stage, prepare in stages.items():
            yield model, stage, prepare


def right(report: Report, runtime: Runtime) -> bool:
    """Each reduced stage on the card against the CPU, batches of 1 and 3. Whether all agree."""
    good = True
    # Placing the first module on a CPU tries its kernels, once, with numbers of the same generator.
    _result(
        SMALL["styletts2-libritts"]["style, 5 steps"],
        Size(Runtime(torch.device("cpu"), torch.float32), 1),
    )
    for (model, stage, prepare), batch in product(cases(SMALL), (1, 3)):
        cpu = Runtime(torch.device("cpu"), torch.float32)
        expected = _result(prepare, Size(cpu, batch))
        # A CPU that stands in for a card works at whole batches, as a card does.
        with batched_everywhere():
            found = _result(prepare, Size(runtime.exact, batch))
        row = {"decibels": _decibels(found, expected)}
        if batch > 1 and is_captured(model, stage) and not report.late:
            expected = _result(prepare, Size(cpu, batch), CALLS)
            row["graph_decibels"] = _replayed(prepare, Size(runtime.exact, batch), expected)
        good &= min(row.values()) > LEAST_DECIBELS
        report.add(part="right", model=model, stage=stage, batch=batch, **row)
    return good


def _replayed(prepare: Prepare, size: Size, expected: torch.Tensor) -> float:
    """Decibels of a replay, or none where there is none."""
    capturer = Noted(size.runtime.device)
    with batched_everywhere():
        found = _result(prepare, with_graphs(size, capturer), CALLS)
    return _decibels(found, expected) if capturer.replays else -math.inf


@torch.inference_mode()
def _result(prepare: Prepare, size: Size, calls: int = 1) -> torch.Tensor:
    """Of the last of some calls."""
    torch.manual_seed(0)
    work = prepare(size)
    for _ in range(calls - 1):
        work()
    return flat(work()).cpu()


def _decibels(found: torch.Tensor, expected: torch.Tensor) -> float:
    error = (found - expected).square().mean() / expected.square().mean()
    return float(-10 * error.log10()) if error > 0 else math.inf


def fast(
    report: Report,
    models: dict[str, dict[str, Prepare]],
    device: torch.device,
    types: Sequence[str] = TYPES,
    batches: Sequence[int] = BATCHES,
) -> None:
    # The large batches of all stages first: they are what a card is bought for.
    for batch, dtype in product(sorted(batches, reverse=True), reversed(types)):
        for model, stage, prepare in cases(models):
            if report.late:
                return
            runtime = Runtime(device, getattr(torch, dtype))
            size = Size(runtime, batch)
            figures = _figures(prepare, size, report.card)
            if is_captured(model, stage):
                figures |= _as_graph(prepare, size)
            seconds = AUDIO_SECONDS[model] * batch / (figures["ms"] / 1000)
            row = {"model": model, "stage": stage, "dtype": dtype, "batch": batch}
            report.add(part="fast", **row, **figures, audio_per_second=seconds)


@torch.inference_mode()
def _figures(prepare: Prepare, size: Size, card: str) -> dict[str, Any]:
    """What one call of a stage takes."""
    cuda = size.runtime.device.type == "cuda"
    torch.manual_seed(0)
    work = prepare(size)
    work()
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    with FlopCounterMode(display=False) as counter:
        work()
    figures: dict[str, Any] = {"ms": 1000 * _median_seconds(work, cuda)}
    speed = counter.get_total_flops() / (figures["ms"] / 1000)
    for name, peaks in PEAKS.items():
        if name in card:
            figures["share_of_peak"] = speed / peaks[size.runtime.dtype is not torch.float32]
    if cuda:
        figures["peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
    return figures


def _median_seconds(work: Callable[[], object], cuda: bool) -> float:
    """Of some calls; of one without a card, whose time says nothing."""
    times = []
    for _ in range(5 if cuda else 1):
        start = time.perf_counter()
        work()
        if cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
        if sum(times) > 2:
            break
    return statistics.median(times)


def _as_graph(prepare: Prepare, size: Size) -> dict[str, Any]:
    """The same replayed from the graphs of the service, or why it is not."""
    capturer = Noted(size.runtime.device)
    # A CPU that stands in for a card works at whole batches, as a card does.
    with batched_everywhere():
        torch.manual_seed(0)
        work = prepare(with_graphs(size, capturer))
        for _ in range(CALLS):
            work()
        before = capturer.replays
        seconds = _median_seconds(work, size.runtime.device.type == "cuda")
    if capturer.replays == before:
        return {"graph": capturer.failure or "does not give what the stage gives"}
    return {"graph_ms": 1000 * seconds, "graph_mib": capturer.bytes / MIB}


class WallClock:
    """Seconds on the wall, with idle time skipped: what a machine that waits for nobody takes."""

    def __init__(self) -> None:
        self._skipped = -time.perf_counter()

    def now(self) -> float:
        return time.perf_counter() + self._skipped

    def wait(self, until: float) -> None:
        self._skipped += max(0.0, until - self.now())


def batching(report: Report, runtime: Runtime, config: SeedVCConfig, mix: Mix, clips: int) -> None:
    """The real network under the same arrivals, batched by step and by request."""
    torch.manual_seed(0)
    size = Size(runtime, 1)
    stage = SeedVCDiffusion(still(VelocityEstimator(config.dit), size), runtime)
    pattern = conversion.segment(config, guidance=0.7)

    def play(arrivals: Sequence[Any], way: Way) -> Row:
        clock = WallClock()
        watched = Watched(stage, "packed", lambda state: state.segment.length)
        batcher = way(watched, clock)
        times = replay(arrivals, batcher, clock, lambda clip: _segment(pattern, clip))
        return Row.of(arrivals, times, watched)

    most = 16
    backlog = trace(mix, max(clips // 3, most), 1e9, bursty=False, seed=1)
    play(backlog[:most], by_request(most, 0.0))
    best = play(backlog, by_request(most, 0.0)).clips_per_second
    arrivals = trace(mix, clips, LOAD * best, bursty=False, seed=2)
    limits = Limits(most, most * mix.longest, math.inf)
    ways = {
        "by step": by_step(limits),
        "by request": by_request(most, 0.0),
        "by request, each its own steps": by_request(most, 0.0, shrinking=True),
        "none": by_request(1, 0.0),
    }
    for name, way in ways.items():
        if report.late:
            return
        row = play(arrivals, way)
        report.add(
            part="batching",
            way=name,
            clips=clips,
            clips_per_second=row.clips_per_second,
            finished_seconds=row.finished,
            first_seconds=row.first,
            mean_batch=row.mean_batch,
        )


def _segment(pattern: ConversionSegment, clip: Clip) -> ConversionSegment:
    """A window of some length behind as much of the reference as leaves half of it."""
    prompt = min(len(pattern.prompt), clip.length // 2)
    content = np.resize(pattern.content, (clip.length - prompt, pattern.content.shape[1]))
    return replace(
        pattern,
        length=clip.length,
        prompt=pattern.prompt[:prompt],
        prompt_content=pattern.prompt_content[:prompt],
        content=content,
        steps=clip.steps,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="reduced widths and few clips")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seconds", type=float, default=460, help="when to stop")
    options = parser.parse_args(arguments)
    runtime = configure(PipelineSettings(device=options.device, dtype="float32"))
    cuda = runtime.device.type == "cuda"
    card = torch.cuda.get_device_name() if cuda else "none, on a CPU"
    report = Report(options.json, time.monotonic() + options.seconds, card)
    good = right(report, runtime)
    lowered = replace(runtime, dtype=torch.bfloat16 if cuda else torch.float32)
    if options.small:
        few = Mix(12, 40, 1, (1, 2), (3, 5))
        batching(report, runtime, SMALL_FLOW, few, clips=12)
        fast(report, SMALL, runtime.device, types=["float32"], batches=FEW)
    else:
        batching(report, lowered, seedvc.SPEECH, MIXES["seedvc"], clips=96)
        fast(report, FULL, runtime.device)
    verdict = "gives" if good else "DOES NOT give"
    print(f"{len(report.rows)} rows; the card {verdict} what a CPU does")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
