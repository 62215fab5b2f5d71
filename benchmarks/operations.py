"""What models ask of a device, counted without one:

    python -m benchmarks.operations [--batch 1 16]

Prints the operations of one call of each network that is worth batching, and the most memory that
its activations take at a time beside weights and inputs. On a GPU a batch is worth something as
long as its operations do not grow in number with its members: launching one takes about as long as
computing a small one does.

The device is `meta`, where shapes are computed and no numbers. Networks are of full size, in
float32; members of decoders and flows are all of different lengths.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.models import conversion
from benchmarks.models.sounds import WIDTH
from parity.sizes import seedvc
from parity.sizes.makeanaudio import OFFICIAL, VOCODER
from pipelines.models.makeanaudio.unet import UNet
from pipelines.models.makeanaudio.vae import LatentDecoder
from pipelines.models.seedvc.config import SeedVCConfig
from pipelines.models.seedvc.dit import VelocityEstimator
from pipelines.models.seedvc.stages import SeedVCDiffusion
from pipelines.models.styletts2.config import KOKORO, LIBRITTS, ModelConfig
from pipelines.models.styletts2.decoder import Decoder
from pipelines.models.styletts2.denoiser import StyleDenoiser
from pipelines.networks.vocoders.bigvgan import BigVGAN
from pipelines.requests.sound import LATENT_FRAMES, LATENT_HEIGHT
from pipelines.runtime.device import Runtime
from pipelines.runtime.lengths import Lengths

META = torch.device("meta")
Call = Callable[[], object]


class Operations(TorchDispatchMode):
    """Counts operations that are not views, copies from this process to the device, and bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.copies = 0
        self.peak = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}

    @property
    def total(self) -> int:
        return self.counts.total()

    def __torch_dispatch__(
        self, operation: Any, _types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = operation(*args, **(kwargs or {}))
        name = operation._schema.name.split("::")[1]
        if _elsewhere(result) and (name.endswith("_") or not _views(result, args)):
            self.counts[name] += 1
            self.copies += _on_cpu(args)
            if not name.endswith("_"):
                self._keep(result)
        return result

    def _keep(self, result: Any) -> None:
        """Note what is alive now that this has been made."""
        for one in result if isinstance(result, list | tuple) else [result]:
            if isinstance(one, Tensor):
                storage = one.untyped_storage()
                self._alive[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self._alive = {key: kept for key, kept in self._alive.items() if not kept[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self._alive.values()))


def _on_cpu(args: Any) -> bool:
    tensors = [arg for arg in args if isinstance(arg, Tensor)]
    return bool(tensors) and any(tensor.device.type == "cpu" for tensor in tensors)


def _views(result: Any, args: Any) -> bool:
    """Whether a result only shows what was given in another shape: nothing is computed for it."""
    first = result[0] if isinstance(result, list | tuple) else result
    given = (arg for arg in args if isinstance(arg, Tensor))
    return any(first.untyped_storage()._cdata == one.untyped_storage()._cdata for one in given)


def _elsewhere(result: Any) -> bool:
    results = result if isinstance(result, list | tuple) else [result]
    return any(isinstance(one, Tensor) and one.device.type != "cpu" for one in results)


@torch.inference_mode()
def operations(run: Call) -> Operations:
    """Of one call."""
    with Operations() as counted:
        run()
    return counted


def empty(*shape: int) -> Tensor:
    return torch.empty(*shape, device=META)


def on_meta(make: Callable[..., nn.Module], *sizes: Any) -> nn.Module:
    with META:
        return make(*sizes).eval()


def decoding(config: ModelConfig) -> Callable[[int], Call]:
    """Decoders of StyleTTS2, 5 s and less."""
    decoder = on_meta(Decoder, config)

    def of(members: int) -> Call:
        sizes = [200 - 3 * member for member in range(members)]
        lengths, longest = Lengths.of(sizes, META), max(sizes)
        inputs = [
            empty(members, config.hidden, longest),
            empty(members, 2 * longest),
            empty(members, 2 * longest),
            empty(members, config.style),
        ]
        noise = empty(members, 600 * longest, 9)
        return lambda: decoder(*inputs, lengths, noise)

    return of


def flowing(config: SeedVCConfig) -> Callable[[int], Call]:
    """Guided Euler steps of a batch that stays, windows of 15 s and less."""
    estimator: Any = on_meta(VelocityEstimator, config.dit)
    stage = SeedVCDiffusion(estimator, Runtime(META, torch.float32))
    pattern = conversion.segment(config, guidance=0.7)

    def of(members: int) -> Call:
        flows = stage.begin([conversion.shortened(pattern, 5 * n) for n in range(members)])
        stage.step(flows)
        return lambda: stage.step(flows)

    return of


def styling(config: ModelConfig) -> Callable[[int], Call]:
    """A pass of the style denoiser over texts of 60 tokens and less."""
    if config.denoiser is None:
        raise ValueError("this model samples no styles")
    denoiser = on_meta(StyleDenoiser, config, config.denoiser)
    styles = 2 * config.style

    def of(members: int) -> Call:
        lengths = Lengths.of([60 - member for member in range(members)], META)
        rows = empty(members, styles), empty(members)
        text = empty(members, 60, config.bert.hidden)
        return lambda: denoiser(*rows, text, empty(members, styles), lengths)

    return of


def running(make: Callable[..., nn.Module], config: Any, *shapes: tuple[int, ...]) -> Any:
    """Networks of members of one length, from tensors of these shapes."""
    network = on_meta(make, config)
    network(*(empty(1, *shape) for shape in shapes))  # makes its filters, once
    return lambda members: partial(network, *(empty(members, *shape) for shape in shapes))


UNET = OFFICIAL.unet
COLUMN = (LATENT_HEIGHT, WIDTH)
MEL_FRAMES = 2 * seedvc.SPEECH.sample_rate // seedvc.SPEECH.mel.hop
NETWORKS: dict[str, Callable[[], Callable[[int], Call]]] = {
    "HiFi-GAN decoder, 5 s": partial(decoding, LIBRITTS),
    "iSTFTNet decoder, 5 s": partial(decoding, KOKORO),
    "style denoiser, a pass": partial(styling, LIBRITTS),
    "Seed-VC, an Euler step, guided": partial(flowing, seedvc.SPEECH),
    "Seed-VC with F0, the same": partial(flowing, seedvc.SINGING),
    "BigVGAN v2 of 22 kHz, 2 s": partial(
        running, BigVGAN, seedvc.vocoder(seedvc.SPEECH), (seedvc.SPEECH.mel.bands, MEL_FRAMES)
    ),
    "UNet of Make-An-Audio, a pass, 10.24 s": partial(
        running, UNet, UNET, (UNET.channels_in, *COLUMN), (), (77, UNET.context)
    ),
    "VAE decoder, 10.24 s": partial(
        running, LatentDecoder, OFFICIAL.decoder, (OFFICIAL.decoder.latent, *COLUMN)
    ),
    "BigVGAN v1, 10.24 s": partial(
        running, BigVGAN, VOCODER, (VOCODER.mels, LATENT_FRAMES * WIDTH)
    ),
}
"""What makes a call of so many members, by network."""


def table(batches: Sequence[int]) -> list[str]:
    """Lines in Markdown."""
    heads = [f"batch of {batch}: operations | MiB" for batch in batches]
    lines = [f"| network | {' | '.join(heads)} |", "|---|" + "---|---|" * len(batches)]
    for name, make in NETWORKS.items():
        of = make()
        counted = [operations(of(batch)) for batch in batches]
        cells = [f"{one.total:,} | {one.peak / 2**20:,.0f}" for one in counted]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16])
    print("\n".join(table(parser.parse_args(arguments).batch)))


if __name__ == "__main__":
    main()
