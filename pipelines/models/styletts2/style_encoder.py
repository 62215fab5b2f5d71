"""From a reference recording to its style: the mel spectrogram and two encoders of it."""

from __future__ import annotations

from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.audio.mel import MelConfig, mel_spectrogram
from pipelines.models.styletts2.config import ModelConfig
from pipelines.networks.adain_blocks import SLOPE
from pipelines.protocol import Waveform

STYLE_MEL = MelConfig(
    # The filters are laid out for 16 kHz although the audio has 24: so the models were trained.
    filter_rate=16_000,
    fft=2048,
    hop=300,
    bands=80,
    window=1200,
    scale="htk",
    area_normalised=False,
    centred=True,
    power=2,
)
MEL_FLOOR, MEL_MEAN, MEL_SPREAD = 1e-5, -4.0, 4.0

TRIM_DECIBELS = 30.0
TRIM_FRAME, TRIM_HOP = 2048, 512

SHORTEST_FRAMES = 65
"""Fewer do not fill the last convolution."""


def trim_bounds(wave: Waveform) -> tuple[int, int]:
    """First sample and end of what is louder than 30 dB below the loudest frame.

    Frames of 2048 samples every 512, centred, zeros beyond the ends; a frame's level is its root
    mean square.
    """
    # Imported here: librosa takes 224 MB, and only this front end needs it.
    from librosa.effects import trim

    _, (first, end) = trim(wave, top_db=TRIM_DECIBELS, frame_length=TRIM_FRAME, hop_length=TRIM_HOP)
    return int(first), int(end)


def reference_mel(wave: Tensor) -> Tensor:
    """`[batch, samples]` at 24 kHz to the scaled log mel `[batch, 80, 1 + samples // 300]`."""
    return (torch.log(MEL_FLOOR + mel_spectrogram(wave, STYLE_MEL)) - MEL_MEAN) / MEL_SPREAD


class StyleEncoder(nn.Module):
    """A mel spectrogram to one half of a style. Fields are named as in checkpoints."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels = config.style_channels
        layers: list[nn.Module] = [nn.Conv2d(1, channels, 3, padding=1)]
        for _ in range(4):
            wider = min(2 * channels, config.hidden)
            layers.append(HalvingBlock(channels, wider))
            channels = wider
        last = nn.Conv2d(channels, channels, 5)
        mean = nn.AdaptiveAvgPool2d(1)
        self.shared = nn.Sequential(*layers, nn.LeakyReLU(SLOPE), last, mean, nn.LeakyReLU(SLOPE))
        self.unshared = nn.Linear(channels, config.style)

    def forward(self, mel: Tensor) -> Tensor:
        """`[batch, bands, frames]`, at least 65 frames, to `[batch, style]`."""
        return self.unshared(self.shared(mel[:, None]).flatten(1))  # type: ignore[no-any-return]


class HalvingBlock(nn.Module):
    """Two convolutions and a shortcut, over √2; halves bands and frames, rounding frames up."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_in, 3, padding=1)
        self.downsample_res = nn.ModuleDict(
            {"conv": nn.Conv2d(channels_in, channels_in, 3, 2, padding=1, groups=channels_in)}
        )
        self.conv2 = nn.Conv2d(channels_in, channels, 3, padding=1)
        changes = channels_in != channels
        self.conv1x1 = nn.Conv2d(channels_in, channels, 1, bias=False) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.downsample_res["conv"](self.conv1(F.leaky_relu(x, SLOPE)))
        h = self.conv2(F.leaky_relu(h, SLOPE))
        if self.conv1x1 is not None:
            x = self.conv1x1(x)
        if x.shape[3] % 2:
            x = torch.cat([x, x[..., -1:]], dim=3)
        halved: Tensor = (F.avg_pool2d(x, 2) + h) / sqrt(2)
        return halved
