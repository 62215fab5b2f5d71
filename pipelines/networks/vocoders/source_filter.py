"""What StyleTTS2's generators have in common: upsampling stages that a harmonic source drives.

After HiFi-GAN (Kong et al., 2020) with the neural source filter of Wang et al. (2019), the style
and the snake blocks of StyleTTS2 (Li et al., 2023).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from torch import Tensor, nn

from pipelines.networks.vocoders.generator_config import GeneratorConfig
from pipelines.networks.vocoders.snake import SnakeResidual
from pipelines.networks.vocoders.source import HarmonicSource
from pipelines.runtime.lengths import Lengths
from pipelines.runtime.time_convolution import TimeConv, channels_last

SOURCE_DILATIONS = (1, 3, 5)
SOURCE_KERNEL, LAST_SOURCE_KERNEL = 7, 11
"""Of the residual block that the source passes before it is added to a stage."""


class SourceFilterGenerator(nn.Module):
    """The stages. Fields are named as in checkpoints.

    A subclass says what the source is seen as (`bins` channels), how a stage rises (`rise`) and
    what the `outputs` of the last convolution mean.
    """

    def __init__(
        self, config: GeneratorConfig, style: int, sample_rate: int, bins: int, outputs: int
    ) -> None:
        super().__init__()
        self.stages = len(config.upsample_rates)
        self.kernels = len(config.resblock_kernels)
        self.m_source = HarmonicSource(sample_rate, config.samples_per_frame)
        self.ups = nn.ModuleList()
        self.noise_convs = nn.ModuleList()
        self.noise_res = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        channels = config.initial_channels
        rates = config.upsample_rates
        for stage, (rate, kernel) in enumerate(zip(rates, config.upsample_kernels, strict=True)):
            self.ups.append(self.upsampling(channels, channels // 2, rate, kernel))
            channels //= 2
            later = prod(rates[stage + 1 :])
            self.noise_convs.append(_source_conv(bins, channels, later))
            source_kernel = SOURCE_KERNEL if later > 1 else LAST_SOURCE_KERNEL
            self.noise_res.append(SnakeResidual(channels, source_kernel, SOURCE_DILATIONS, style))
            self.resblocks.extend(
                SnakeResidual(channels, size, dilations, style)
                for size, dilations in zip(
                    config.resblock_kernels, config.resblock_dilations, strict=True
                )
            )
        self.channels = channels
        self.conv_post = TimeConv(channels, outputs, 7, padding=3)

    @staticmethod
    def upsampling(channels_in: int, channels: int, rate: int, kernel: int) -> nn.ConvTranspose1d:
        """The layer that makes `rate` steps of one."""
        raise NotImplementedError

    def rise(self, stage: int, x: Tensor, lengths: Lengths) -> tuple[Tensor, Lengths]:
        """Activation and upsampling of one stage; `x` may hold anything beyond each length."""
        raise NotImplementedError

    def filtered(
        self, x: Tensor, style: Tensor, source: Tensor, lengths: Lengths
    ) -> tuple[Tensor, Lengths]:
        """All stages: `x` `[batch, channels, F0 frames]` to the input of the last convolution.

        `source` `[batch, bins, frames of the last stage]` is zero beyond each member's end;
        `lengths` count F0 frames. Beyond each length the result is undefined.
        """
        for stage, blocks in enumerate(self._blocks()):
            x, lengths = self.rise(stage, x, lengths)
            # In float32 as far as the norm: the source varies little about a constant, which the
            # norm takes away and leaves what rounding made of the rest.
            injected = self.noise_res[stage](self.noise_convs[stage](source), style, lengths)
            # Fast blocks are of one type; the others compute in whatever comes in.
            dtype = getattr(blocks[0], "dtype", x.dtype)
            x = channels_last(x) + injected.to(dtype)
            total = blocks[0](x, style, lengths)
            for block in blocks[1:]:
                total += block(x, style, lengths)
            x = total.div_(self.kernels)
        return x, lengths

    def raised(self, stage: int, x: Tensor) -> Tensor:
        """`x` through the stage's upsampling layer, in the type of its weights."""
        layer = self.ups[stage]
        weight: Tensor = layer.weight  # type: ignore[assignment]
        return layer(x.to(weight.dtype))  # type: ignore[no-any-return]

    def _blocks(self) -> Iterator[list[nn.Module]]:
        for stage in range(self.stages):
            yield list(self.resblocks[stage * self.kernels : (stage + 1) * self.kernels])


def _source_conv(bins: int, channels: int, rate: int) -> TimeConv:
    """Brings the source to a stage that later stages still upsample by `rate`."""
    if rate == 1:
        return TimeConv(bins, channels, 1)
    return TimeConv(bins, channels, 2 * rate, stride=rate, padding=(rate + 1) // 2)
