"""Length regulator: content features at 50 Hz (and pitch at 100 Hz) to one vector per mel frame."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.models.seedvc.config import RegulatorConfig
from pipelines.models.seedvc.f0 import pitch_classes


def resize(frames: Tensor, length: int) -> Tensor:
    """Nearest neighbour along time: `[batch, channels, frames]` to `[batch, channels, length]`."""
    return F.interpolate(frames, size=length, mode="nearest")


class LengthRegulator(nn.Module):
    """Normalisation runs over the whole utterance, so a recording is regulated in one piece."""

    def __init__(self, config: RegulatorConfig) -> None:
        super().__init__()
        self.content_in_proj = nn.Linear(config.features, config.channels)
        if config.pitch_bins is not None:
            self.f0_embedding = nn.Embedding(config.pitch_bins, config.channels)
            self.f0_mask = nn.Parameter(torch.zeros(1, config.channels))
        layers: list[nn.Module] = []
        for _ in range(config.blocks):
            layers += [
                nn.Conv1d(config.channels, config.channels, 3, padding=1),
                nn.GroupNorm(1, config.channels),
                nn.Mish(),
            ]
        layers.append(nn.Conv1d(config.channels, config.channels, 1))
        self.model = nn.Sequential(*layers)
        self.pitch_bins = config.pitch_bins

    def resized(self, features: Tensor, length: int, pitch: Tensor | None = None) -> Tensor:
        """Features on the grid of the mel, pitch added: `[batch, channels, length]`."""
        frames = resize(self.content_in_proj(features).transpose(1, 2), length)
        if self.pitch_bins is None:
            return frames
        if pitch is None:
            return frames + self.f0_mask[:, :, None]
        embedded = self.f0_embedding(pitch_classes(pitch, self.pitch_bins))
        return frames + resize(embedded.transpose(1, 2), length)

    def forward(self, features: Tensor, length: int, pitch: Tensor | None = None) -> Tensor:
        """`[batch, frames, features]` and Hz `[batch, frames at 100 Hz]` to
        `[batch, length, channels]`."""
        regulated: Tensor = self.model(self.resized(features, length, pitch))
        return regulated.transpose(1, 2)
