"""BigVGAN, versions 1 and 2: mel spectrogram to waveform.

Transposed convolutions raise the frame rate to the sample rate; each is followed by the mean of
residual blocks of dilated convolutions with periodic, anti-aliased activations. Parameters have the
names of the published checkpoints, with weight normalisation folded.
Lee et al., "BigVGAN: A Universal Neural Vocoder with Large-Scale Training", 2023.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.fast_convolution.blocks import suits
from pipelines.networks.vocoders.antialias import AntiAliasedSnake
from pipelines.networks.vocoders.fast_amp import FastAMPBlock
from pipelines.runtime.time_convolution import TimeConv, channels_last
from pipelines.weights.state_dicts import (
    StateDict,
    converted,
    fold_weight_norm,
    load_strict,
    tensors_of,
)
from pipelines.weights.torch_files import CheckpointError


@dataclass(frozen=True, slots=True)
class BigVGANConfig:
    """What distinguishes one BigVGAN from another; `from_mapping` reads the published files."""

    mels: int
    channels: int
    upsample_rates: tuple[int, ...]
    upsample_kernels: tuple[int, ...]
    block_kernels: tuple[int, ...]
    block_dilations: tuple[tuple[int, ...], ...]
    snake_beta: bool
    log_scale: bool
    final_bias: bool = True
    final_tanh: bool = True

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> BigVGANConfig:
        """From the fields of `args.yml` (version 1) or `config.json` (version 2).

        Raises `CheckpointError` if a field is missing or asks for what is not implemented.
        """
        if str(values.get("resblock")) != "1" or values.get("activation") not in ACTIVATIONS:
            raise CheckpointError(
                "only BigVGAN with blocks of type 1 and snake activations is known"
            )
        try:
            return cls(
                mels=values["num_mels"],
                channels=values["upsample_initial_channel"],
                upsample_rates=tuple(values["upsample_rates"]),
                upsample_kernels=tuple(values["upsample_kernel_sizes"]),
                block_kernels=tuple(values["resblock_kernel_sizes"]),
                block_dilations=tuple(map(tuple, values["resblock_dilation_sizes"])),
                snake_beta=values["activation"] == "snakebeta",
                log_scale=values["snake_logscale"],
                final_bias=values.get("use_bias_at_final", True),
                final_tanh=values.get("use_tanh_at_final", True),
            )
        except KeyError as error:
            raise CheckpointError(f"the configuration of BigVGAN lacks {error}") from error


ACTIVATIONS = ("snake", "snakebeta")
LARGEST = 12
"""Tensors as large as the output of a stage that are alive at a time: counted by
`benchmarks.operations`."""


class AMPBlock(nn.Module):
    """For each dilation: activation, dilated convolution, activation, convolution, add."""

    def __init__(
        self, channels: int, kernel: int, dilations: Sequence[int], config: BigVGANConfig
    ) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            TimeConv(channels, channels, kernel, dilation=dilation, padding="same")
            for dilation in dilations
        )
        self.convs2 = nn.ModuleList(
            TimeConv(channels, channels, kernel, padding="same") for _ in dilations
        )
        self.activations = nn.ModuleList(
            AntiAliasedSnake(channels, config.snake_beta, config.log_scale)
            for _ in range(2 * len(dilations))
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, channels, time]` to the same."""
        before, between = self.activations[::2], self.activations[1::2]
        for first, dilated, second, plain in zip(
            before, self.convs1, between, self.convs2, strict=True
        ):
            x = x + plain(second(dilated(first(x))))
        return x

    def faster(self, dtype: torch.dtype) -> nn.Module | None:
        """The same with fewer products, for a CPU, if there is a scheme for its convolutions."""
        pairs = zip(self.convs1, self.convs2, strict=True)
        convs: list[Any] = [conv for pair in pairs for conv in pair]
        activations: list[Any] = list(self.activations)
        if not all(suits(conv.weight) for conv in convs):
            return None
        return FastAMPBlock([each.compiled() for each in activations], convs, dtype)


class BigVGAN(nn.Module):
    """Waveform generator; `hop` samples come out for each frame that goes in."""

    def __init__(self, config: BigVGANConfig) -> None:
        super().__init__()
        widths = [config.channels >> stage for stage in range(len(config.upsample_rates) + 1)]
        self.conv_pre = TimeConv(config.mels, widths[0], 7, padding=3)
        self.ups = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose1d(wide, narrow, kernel, rate, padding=(kernel - rate) // 2)
            )
            for wide, narrow, kernel, rate in zip(
                widths[:-1],
                widths[1:],
                config.upsample_kernels,
                config.upsample_rates,
                strict=True,
            )
        )
        self.resblocks = nn.ModuleList(
            AMPBlock(width, kernel, dilations, config)
            for width in widths[1:]
            for kernel, dilations in zip(config.block_kernels, config.block_dilations, strict=True)
        )
        self.activation_post = AntiAliasedSnake(widths[-1], config.snake_beta, config.log_scale)
        self.conv_post = TimeConv(widths[-1], 1, 7, padding=3, bias=config.final_bias)
        self._blocks_per_stage = len(config.block_kernels)
        self._tanh = config.final_tanh
        self.mels = config.mels
        self.hop = math.prod(config.upsample_rates)
        rates = [math.prod(config.upsample_rates[: stage + 1]) for stage in range(len(self.ups))]
        widest = max(rate * width for rate, width in zip(rates, widths[1:], strict=True))
        self.frame_bytes = LARGEST * widest * 4
        """The most that is alive at a time for a frame of a batch, in float32."""

    def forward(self, mel: Tensor) -> Tensor:
        """`[batch, mels, frames]` to samples `[batch, hop * frames]` in [-1, 1]."""
        x = self.conv_pre(mel)
        for stage, upsample in enumerate(self.ups):
            x = channels_last(upsample(x))
            first = stage * self._blocks_per_stage
            blocks = self.resblocks[first : first + self._blocks_per_stage]
            total = blocks[0](x)
            for block in blocks[1:]:
                total += block(x)
            x = total / len(blocks)
        samples: Tensor = self.conv_post(self.activation_post(x)).squeeze(1).float()
        return samples.tanh() if self._tanh else samples.clamp(-1, 1)


def load_bigvgan(weights: Path, config: BigVGANConfig, cache: Path) -> BigVGAN:
    """The generator of a published checkpoint, weight-normalised or already folded.

    Raises `CheckpointError` if the file cannot be read or is not of this configuration.
    """
    with torch.device("meta"):
        model = BigVGAN(config)
    load_strict(model, converted(weights, cache, _generator, "bigvgan"), weights.name)
    return model


def _generator(tree: object) -> StateDict:
    state = tree.get("generator") if isinstance(tree, dict) else None
    return fold_weight_norm(tensors_of(state, "the generator"))
