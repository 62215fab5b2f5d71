"""Measures the coefficients of `costs.toml` on the real networks, at full size with random weights.

    OMP_NUM_THREADS=1 python -m benchmarks.batching.measure [--models seedvc …] [--repeats 2]

Prints TOML: for each model and each call of its diffusion stage, the line through the measured
times (least squares of the relative error) and by how much it misses them at most.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch

from benchmarks.batching.costs import passes
from benchmarks.models.conversion import segment
from benchmarks.models.work import Size, still
from parity.sizes import seedvc as official
from parity.sizes.makeanaudio import OFFICIAL
from pipelines.models.makeanaudio.description_encoder import TOKENS
from pipelines.models.makeanaudio.unet import UNet
from pipelines.models.makeanaudio.vae import LatentDecoder
from pipelines.models.seedvc.dit import VelocityEstimator
from pipelines.models.seedvc.stages import SeedVCDiffusion
from pipelines.models.styletts2.acoustic import AcousticModel
from pipelines.models.styletts2.config import LIBRITTS
from pipelines.models.styletts2.guidance import DenoiserPasses, GuidedDenoiser
from pipelines.models.styletts2.sampler import advance, levels_of, schedule
from pipelines.requests.sound import LATENT_HEIGHT
from pipelines.runtime.device import Runtime, configure
from pipelines.runtime.lengths import Lengths
from pipelines.runtime.precision import autocast, place
from pipelines.settings import PipelineSettings

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Measured:
    """The calls of a model's stage over a batch of one length, and what they are measured at."""

    lengths: tuple[int, ...]
    batches: tuple[int, ...]
    layouts: dict[str, str]
    calls: Callable[[int, int], dict[str, Call]]


def seedvc(runtime: Runtime) -> Measured:
    config = official.SPEECH
    stage = SeedVCDiffusion(still(VelocityEstimator(config.dit), Size(runtime, 1)), runtime)

    window = segment(config, guidance=0.7)

    def calls(batch: int, frames: int) -> dict[str, Call]:
        own = frames - len(window.prompt)
        content = np.resize(window.content, (own, config.dit.content))
        segments = [replace(window, length=frames, content=content)] * batch
        states = stage.begin(segments)
        return {
            "begin": lambda: stage.begin(segments),
            "step": lambda: stage.step(states),
            "finish": lambda: stage.finish(states),
        }

    layouts = {"begin": "each", "step": "packed", "finish": "each"}
    return Measured((600, 1200, 2400), (1, 2, 4), layouts, calls)


def makeanaudio(runtime: Runtime) -> Measured:
    unet, decoder = UNet(OFFICIAL.unet), LatentDecoder(OFFICIAL.decoder)
    for module in (unet, decoder):
        place(still(module, Size(runtime, 1)), runtime)

    def lowered(call: Call) -> Call:
        def run() -> object:
            with autocast(runtime):
                return call()

        return run

    def calls(batch: int, columns: int) -> dict[str, Call]:
        rows = 2 * batch  # guidance
        latents = torch.randn(rows, 4, LATENT_HEIGHT, columns)
        texts = torch.randn(rows, TOKENS, OFFICIAL.unet.context)
        levels = torch.full((rows,), 500)
        return {
            "begin": lambda: torch.randn(batch, 4, LATENT_HEIGHT, columns),
            "step": lowered(lambda: unet(latents, levels, texts)),
            "finish": lowered(lambda: [decoder(one) for one in latents[:batch].split(1)]),
        }

    layouts = {"begin": "each", "step": "by_length", "finish": "each"}
    return Measured((16, 40, 80), (1, 2, 4), layouts, calls)


def styletts2(runtime: Runtime) -> Measured:
    config = LIBRITTS
    model = still(AcousticModel(config), Size(runtime, 1))
    place(model.denoiser, runtime)

    def calls(batch: int, count: int) -> dict[str, Call]:
        tokens = torch.randint(1, config.symbols, (batch, count))
        lengths = Lengths.of([count] * batch, runtime.device)
        text = model.read(tokens, lengths)
        style = torch.randn(batch, 2 * config.style)
        passes = DenoiserPasses(model.denoiser, runtime)
        denoiser = GuidedDenoiser(list(text), style, [1.0] * batch, passes)
        step = schedule(5)[0]
        prosody, speeds = style[:, config.style :], torch.ones(batch)
        return {
            "begin": lambda: model.read(tokens, lengths),
            "step": lambda: advance(
                denoiser, style, levels_of([step] * batch, runtime.device), style
            ),
            "finish": lambda: model.speak(tokens, text, prosody, speeds, lengths, [0] * batch),
        }

    return Measured(
        (30, 60, 120), (1, 2, 4), dict.fromkeys(("begin", "step", "finish"), "padded"), calls
    )


MODELS = {"seedvc": seedvc, "make-an-audio": makeanaudio, "styletts2": styletts2}


def seconds(call: Call, repeats: int) -> float:
    """CPU-seconds, so that others on the machine disturb little: the least of `repeats` runs after
    one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times[1:])


def line(points: list[tuple[int, float, float]]) -> tuple[float, float, float]:
    """`fixed` and `per_unit` (neither below 0) through (passes, size, seconds), and the largest
    relative error."""
    count, size, took = np.array(points).T
    columns = np.stack([count, size], axis=1) / took[:, None]
    fixed, per_unit = np.linalg.lstsq(columns, np.ones(len(took)), rcond=None)[0]
    if fixed < 0:
        fixed, per_unit = 0.0, float((size / took).sum() / ((size / took) ** 2).sum())
    error = np.abs((fixed * count + per_unit * size) / took - 1).max()
    return float(fixed), float(per_unit), float(error)


def measure(model: Measured, repeats: int) -> dict[str, tuple[float, float, float]]:
    points: dict[str, list[tuple[int, float, float]]] = {part: [] for part in model.layouts}
    for batch, length in product(model.batches, model.lengths):
        calls = model.calls(batch, length)
        for part, layout in model.layouts.items():
            sizes = passes(layout, [length] * batch)
            points[part].append((len(sizes), sum(sizes), seconds(calls[part], repeats)))
    return {part: line(points[part]) for part in model.layouts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    torch.manual_seed(0)
    runtime = configure(PipelineSettings(dtype=options.dtype, threads=options.threads))
    how = f"{platform.machine()}, {runtime.dtype}, {options.threads} thread(s)"
    for name in options.models:
        with torch.inference_mode():
            model = MODELS[name](runtime)
            fits = measure(model, options.repeats)
        print(f'\n[{name}]\nmeasured = "{how}; lengths {model.lengths}, batches {model.batches}"')
        for part, (fixed, per_unit, error) in fits.items():
            values = f"fixed = {fixed:.3e}, per_unit = {per_unit:.3e}"
            print(f'{part} = {{ layout = "{model.layouts[part]}", {values} }}  # ±{error:.0%}')


if __name__ == "__main__":
    main()
