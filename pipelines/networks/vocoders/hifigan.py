"""The HiFi-GAN generator of StyleTTS2: four upsampling stages, the last of which gives samples."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipelines.networks.vocoders.generator_config import HifiganConfig
from pipelines.networks.vocoders.snake import slopes, snake
from pipelines.networks.vocoders.source_filter import SourceFilterGenerator
from pipelines.runtime.lengths import Lengths


class HifiganGenerator(SourceFilterGenerator):
    """Decoder features and F0 to a waveform. Fields are named as in checkpoints."""

    def __init__(self, config: HifiganConfig, style: int, sample_rate: int) -> None:
        super().__init__(config, style, sample_rate, bins=1, outputs=1)
        self.config = config
        self.alphas = nn.ParameterList(
            slopes(config.initial_channels >> stage) for stage in range(self.stages + 1)
        )

    @staticmethod
    def upsampling(channels_in: int, channels: int, rate: int, kernel: int) -> nn.ConvTranspose1d:
        padding, extra = rate // 2 + rate % 2, rate % 2
        return nn.ConvTranspose1d(
            channels_in, channels, kernel, stride=rate, padding=padding, output_padding=extra
        )

    def rise(self, stage: int, x: Tensor, lengths: Lengths) -> tuple[Tensor, Lengths]:
        x = self.raised(stage, lengths.clear(snake(x, self.alphas[stage])))
        return x, lengths.map(self.config.upsample_rates[stage].__mul__)

    def forward(
        self, x: Tensor, style: Tensor, f0: Tensor, lengths: Lengths, noise: Tensor | None
    ) -> list[Tensor]:
        """`x` `[batch, channels, F0 frames]`, F0 `[batch, F0 frames]` in Hz to waveforms.

        `lengths` counts F0 frames; `noise` is the source's, see `HarmonicSource`.
        """
        samples = lengths.map(self.config.samples_per_frame.__mul__)
        source = samples.clear(self.m_source(f0, noise)[:, None])
        x, samples = self.filtered(x, style, source, lengths)
        x = self.conv_post(samples.clear(snake(x.float(), self.alphas[-1])))
        waves = torch.tanh(x)[:, 0]
        return [wave[:length] for wave, length in zip(waves, samples.values, strict=True)]
