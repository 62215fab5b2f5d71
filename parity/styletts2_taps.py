"""Looking inside modules while they run, for the comparison with recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

import torch
from torch import Tensor, nn

from pipelines.models.styletts2.decoder import Decoder
from pipelines.networks.vocoders.istftnet import IstftnetGenerator, Spectra
from pipelines.runtime.lengths import Lengths

Result = TypeVar("Result")


def outputs(
    modules: Mapping[str, nn.Module], run: Callable[[], Result]
) -> tuple[Result, dict[str, Tensor]]:
    """What `run` returns, and what each module gave meanwhile: the first of several tensors."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            # A copy: what follows may change a tensor in place.
            found[name] = (output[0] if isinstance(output, tuple) else output).clone()

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    try:
        return run(), found
    finally:
        for handle in handles:
            handle.remove()


def decoder_outputs(
    decoder: Decoder, asr: Tensor, f0: Tensor, energy: Tensor, style: Tensor, noise: Tensor | None
) -> dict[str, Tensor]:
    """All that is recorded of the decoder, by the names of the recordings."""
    generator = decoder.generator
    modules: dict[str, nn.Module] = {
        "decoder.F0_conv": decoder.F0_conv,
        "decoder.N_conv": decoder.N_conv,
        "decoder.asr_res": decoder.asr_res,
        "decoder.encode": decoder.encode,
        **{f"decoder.decode{i}": block for i, block in enumerate(decoder.decode)},
        **{f"gen.noise_conv{i}": layer for i, layer in enumerate(generator.noise_convs)},
        **{f"gen.noise_res{i}": block for i, block in enumerate(generator.noise_res)},
        **{f"gen.up{i}": layer for i, layer in enumerate(generator.ups)},
        **{f"block{i}": block for i, block in enumerate(generator.resblocks)},
        "gen.conv_post": generator.conv_post,
        "source": generator.m_source,
    }
    inputs: dict[str, Tensor] = {}
    handles = [
        module.register_forward_pre_hook(_keep_input(inputs, name))
        for name, module in (
            ("gen.sine_waves", generator.m_source.l_linear),
            ("source", generator.noise_convs[0]),
        )
    ]
    lengths = Lengths.of([asr.shape[2]])
    [wave], found = outputs(modules, lambda: decoder(asr, f0, energy, style, lengths, noise))
    for handle in handles:
        handle.remove()
    found["gen.sine_waves"] = inputs["gen.sine_waves"]
    found["gen.har_source"] = found.pop("source")[..., None]
    for stage in range(generator.stages):
        first = stage * generator.kernels
        blocks = [found.pop(f"block{first + i}") for i in range(generator.kernels)]
        found[f"gen.stage{stage}"] = torch.stack(blocks).mean(0)
    if isinstance(generator, IstftnetGenerator):
        found["gen.har_spec"], found["gen.har_phase"] = inputs["source"].chunk(2, dim=1)
        found["gen.spec"], found["gen.phase"] = generator.polar(found["gen.conv_post"])
    return {**found, "wav_full": wave}


@contextmanager
def spectra_from_float64(spectra: Spectra) -> Iterator[None]:
    """The transform of the source is computed in float64 and rounded."""
    analyse, window = spectra.analyse, spectra.window

    def exact(waves: Tensor, samples: Lengths) -> Tensor:
        spectra.window = window.double()
        try:
            return analyse(waves.double(), samples).float()
        finally:
            spectra.window = window

    with patch.object(spectra, "analyse", exact):
        yield


def _keep_input(kept: dict[str, Tensor], name: str) -> Callable[..., None]:
    def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        kept[name] = inputs[0]

    return hook
