"""What graphs of networks take, counted without a GPU:

    python -m benchmarks.graphs [--members 1 4 16]

Prints for each network that is captured, and for some numbers of members of a batch, the operations
that are launched at once, and MiB: of the activations of the graph, and of what is copied in for
each replay. The graphs of a stage share one pool, which is about as large as the activations of
the largest of them.

The device is `meta`, where shapes are computed and no numbers; networks are of full size, in
float32. In bfloat16 it is between half of that and as much.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.models import conversion
from benchmarks.models.sounds import WIDTH
from benchmarks.operations import MEL_FRAMES, META, Operations, empty, on_meta, operations
from parity.sizes import seedvc
from parity.sizes.makeanaudio import OFFICIAL, VOCODER
from pipelines.models.makeanaudio.description_encoder import TOKENS
from pipelines.models.makeanaudio.unet import UNet
from pipelines.models.seedvc.config import SeedVCConfig
from pipelines.models.seedvc.dit import VelocityEstimator
from pipelines.models.seedvc.stages import WINDOW, SeedVCDiffusion
from pipelines.models.styletts2.config import LIBRITTS
from pipelines.models.styletts2.denoiser import StyleDenoiser
from pipelines.models.styletts2.guidance import DenoiserPasses, GuidedDenoiser
from pipelines.networks.vocoders.bigvgan import BigVGAN
from pipelines.requests.sound import LATENT_FRAMES, LATENT_HEIGHT
from pipelines.runtime.device import Runtime
from pipelines.runtime.graphs import MIB, Capturing, Graphed, rounded_up

TEXT = 100
"""Tokens of a chunk of speech."""
Call = Callable[[], object]
Prepare = Callable[[Capturing, int], Call]
"""What makes a call of a network for some members, which is captured as `Capturing` says."""


@dataclass
class Counted:
    """A graph that cannot be replayed."""

    operations: Operations
    copied: int
    """Bytes of what it is given."""
    bytes: int = 0

    def replay(self) -> Tensor:
        raise NotImplementedError("there are no numbers to repeat")


class CountingCapturer:
    """Counts the operations of what it is to capture."""

    def __init__(self) -> None:
        self.captured: list[Counted] = []

    def measured(self, run: Callable[[], Tensor]) -> tuple[Tensor, int]:
        return run(), 0

    def capture(self, run: Callable[[], Tensor]) -> Counted:
        inputs = cast("partial[Tensor]", run).args
        copied = sum(each.nbytes for each in inputs if isinstance(each, Tensor))
        self.captured.append(Counted(operations(run), copied))
        return self.captured[-1]

    def clear(self) -> None:
        raise NotImplementedError("there is nothing that outgrows its memory")


def flow(config: SeedVCConfig) -> Prepare:
    """A guided Euler step of full windows, of which five seconds are the reference."""
    estimator: Any = on_meta(VelocityEstimator, config.dit)
    pattern = conversion.segment(config, guidance=0.7)
    content = np.resize(pattern.content, (WINDOW - len(pattern.prompt), config.dit.content))
    window = replace(pattern, length=WINDOW, content=content)

    def prepare(graphs: Capturing, members: int) -> Call:
        stage = SeedVCDiffusion(estimator, Runtime(META, torch.float32, graphs=graphs))
        states = stage.begin([window] * members)
        return lambda: stage.step(states)

    return prepare


def style() -> Prepare:
    """A pass of the style denoiser over texts of one chunk each, unguided."""
    if LIBRITTS.denoiser is None:
        raise ValueError("this model samples no styles")
    denoiser: Any = on_meta(StyleDenoiser, LIBRITTS, LIBRITTS.denoiser)

    def prepare(graphs: Capturing, members: int) -> Call:
        passes = DenoiserPasses(denoiser, Runtime(META, torch.float32, graphs=graphs))
        texts = [empty(TEXT, LIBRITTS.bert.hidden) for _ in range(members)]
        styles = empty(members, 2 * LIBRITTS.style)
        guided = GuidedDenoiser(texts, styles, [1.0] * members, passes)
        return partial(guided.network, styles, empty(members))

    return prepare


def network(model: nn.Module, *shapes: tuple[int, ...], rows: int | None = None) -> Prepare:
    """A network whose inputs have these shapes for a row: as many rows as members, or `rows` for
    each of them, rounded up."""

    def prepare(graphs: Capturing, members: int) -> Call:
        captured = Graphed("network", model, graphs)
        count = members if rows is None else rounded_up(rows * members)
        return partial(captured, *(empty(count, *shape) for shape in shapes))

    return prepare


def sounds() -> Prepare:
    unet = OFFICIAL.unet
    latent = (unet.channels_in, LATENT_HEIGHT, WIDTH)
    return network(on_meta(UNet, unet), latent, (), (TOKENS, unet.context), rows=2)


def vocoder(config: Any, frames: int) -> Prepare:
    return network(on_meta(BigVGAN, config), (config.mels, frames))


NETWORKS: dict[str, Callable[[], Prepare]] = {
    "style denoiser, 100 tokens": style,
    "estimator of Seed-VC, full windows, guided": partial(flow, seedvc.SPEECH),
    "estimator of Seed-VC with F0, the same": partial(flow, seedvc.SINGING),
    "UNet of Make-An-Audio, 10 s, guided": sounds,
    "BigVGAN v1, 10 s": partial(vocoder, VOCODER, LATENT_FRAMES * WIDTH),
    "BigVGAN v2 of 22 kHz, 10 s": partial(
        vocoder,
        seedvc.vocoder(seedvc.SPEECH),
        5 * MEL_FRAMES,
    ),
}


@torch.inference_mode()
def graph(prepare: Prepare, members: int) -> Counted:
    """Of the second call, which is the one that is captured."""
    capturer = CountingCapturer()
    call = prepare(Capturing(capturer, budget=1), members)
    for _ in range(2):
        call()
    [counted] = capturer.captured
    return counted


def table(members: Sequence[int]) -> list[str]:
    """Lines in Markdown."""
    heads = " | ".join(f"{count}: MiB | copied" for count in members)
    lines = [f"| network | operations | {heads} |", "|---|---|" + "---|---|" * len(members)]
    for name, make in NETWORKS.items():
        prepare = make()
        counted = [graph(prepare, count) for count in members]
        cells = [f"{one.operations.peak / MIB:,.0f} | {one.copied / MIB:,.1f}" for one in counted]
        lines.append(f"| {name} | {counted[-1].operations.total:,} | {' | '.join(cells)} |")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, nargs="+", default=[1, 4, 16])
    print("\n".join(table(parser.parse_args(arguments).members)))


if __name__ == "__main__":
    main()
