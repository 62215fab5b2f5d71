"""The decoder: a trunk of AdaIN blocks at 25 ms, then a generator of samples."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipelines.models.styletts2.config import ModelConfig
from pipelines.networks.adain_blocks import AdaINResidual
from pipelines.networks.vocoders.generator_config import HifiganConfig
from pipelines.networks.vocoders.hifigan import HifiganGenerator
from pipelines.networks.vocoders.istftnet import IstftnetGenerator
from pipelines.runtime.lengths import Lengths
from pipelines.runtime.time_convolution import TimeConv


class Decoder(nn.Module):
    """Aligned text features, F0, energy and the timbre style to waveforms."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        style, width, residual = config.style, config.trunk, config.trunk_residual
        self.F0_conv = nn.Conv1d(1, 1, 3, stride=2, padding=1)
        self.N_conv = nn.Conv1d(1, 1, 3, stride=2, padding=1)
        self.asr_res = nn.Sequential(TimeConv(config.hidden, residual, 1))
        self.encode = AdaINResidual(config.hidden + 2, width, style)
        joined = width + residual + 2
        out = config.generator.initial_channels
        self.decode = nn.ModuleList(
            [AdaINResidual(joined, width, style) for _ in range(3)]
            + [AdaINResidual(joined, out, style, upsample=True)]
        )
        self.samples_per_frame = 2 * config.generator.samples_per_frame
        self.generator = _generator(config)

    @property
    def precise(self) -> list[nn.Module]:
        """What stays float32 whatever the rest computes in: F0, source, styles and spectra."""
        generator = self.generator
        styled = [layer for layer in self.modules() if isinstance(layer, nn.Linear)]
        return [self.F0_conv, self.N_conv, generator.conv_post, *generator.noise_convs, *styled]

    @property
    def dtype(self) -> torch.dtype:
        """What the convolutions compute in."""
        return next(self.asr_res.parameters()).dtype

    def forward(
        self,
        asr: Tensor,
        f0: Tensor,
        energy: Tensor,
        style: Tensor,
        lengths: Lengths,
        noise: Tensor | None,
    ) -> list[Tensor]:
        """`asr` `[batch, hidden, frames]`, F0 and energy `[batch, 2 · frames]`, zeros beyond each
        length; `style` `[batch, style]`; `lengths` counts frames. One `[600 · frames]` waveform per
        member. `noise` `[batch, 600 · frames, harmonics]` is the source's; None leaves it out.
        """
        f0_curve = self.F0_conv(f0[:, None]).to(self.dtype)
        energy_curve = self.N_conv(energy[:, None]).to(self.dtype)
        asr = asr.to(self.dtype)
        residual = self.asr_res(asr)
        x, _ = self.encode(torch.cat([asr, f0_curve, energy_curve], dim=1), style, lengths)
        finer = lengths
        for block in self.decode:
            x = torch.cat([x, residual, f0_curve, energy_curve], dim=1)
            x, finer = block(x, style, lengths)
        return self.generator(x, style, f0, finer, noise)  # type: ignore[no-any-return]


def _generator(config: ModelConfig) -> HifiganGenerator | IstftnetGenerator:
    if isinstance(config.generator, HifiganConfig):
        return HifiganGenerator(config.generator, config.style, config.sample_rate)
    return IstftnetGenerator(config.generator, config.style, config.sample_rate)
