"""Features of Whisper to the inputs of Kokoro's decoder.

The decoder takes text features: those of a phoneme symbol, repeated for as long as it lasts. The
head classifies the symbol of each frame. The text features are the sum of three parts: the mean
features of each symbol, weighed by its probability; a correction from the context; and a linear map
of Whisper's features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.runtime.lengths import Lengths

FRAME_SECONDS = 0.025
FEATURE_SECONDS = 0.02
DIRECT_KERNEL = 3
SHARPNESS = 2.0
"""Factor of the logits before the softmax: mixtures of two symbols sound blurred."""
LEVELS_PER_FRAME = 2
"""Levels come as often as values of energy: every 12.5 ms."""


@dataclass(frozen=True, slots=True)
class HeadConfig:
    heard: int = 512
    width: int = 256
    blocks: int = 5
    kernel: int = 9
    symbols: int = 178
    spoken: int = 512
    """Width of the text features."""


class HeadOutput(NamedTuple):
    """A padded batch: text features `[batch, spoken, frames]`, energy `[batch, 2 · frames]`, and
    logits of symbols `[batch, symbols, frames]`."""

    asr: Tensor
    energy: Tensor
    logits: Tensor


class _Block(nn.Module):
    """Frames near in time, then channels: a ConvNeXt block (Liu et al., 2022)."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        width = config.width
        self.depthwise = nn.Conv1d(
            width, width, config.kernel, padding=config.kernel // 2, groups=width
        )
        self.norm = nn.LayerNorm(width)
        self.wide = nn.Linear(width, 3 * width)
        self.narrow = nn.Linear(3 * width, width)

    def forward(self, x: Tensor, lengths: Lengths) -> Tensor:
        """`[batch, width, frames]`, zeros beyond each length."""
        y = self.norm(self.depthwise(x).mT)
        return lengths.clear(x + self.narrow(F.gelu(self.wide(y))).mT)


class ContentHead(nn.Module):
    """Whisper's features and levels to text features and energy, 40 frames a second."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.heard = nn.Linear(config.heard, width)
        self.level = nn.Linear(LEVELS_PER_FRAME, width)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.blocks))
        self.final_norm = nn.LayerNorm(width)
        self.symbols = nn.Linear(width, config.symbols)
        self.usual = nn.Linear(config.symbols, config.spoken, bias=False)
        self.context = nn.Linear(width, config.spoken)
        self.direct = nn.Conv1d(config.heard, config.spoken, DIRECT_KERNEL, padding="same")
        self.energy = nn.Linear(width, LEVELS_PER_FRAME)

    def forward(self, heard: Tensor, levels: Tensor, lengths: Lengths) -> HeadOutput:
        """`heard` `[batch, frames, heard]` at the times of the frames, `levels` `[batch, frames,
        2]` in nepers below the loudest, zeros beyond each length."""
        heard = self.normed(heard, lengths)
        hidden = self.hidden(heard, levels, lengths)
        logits = self.symbols(hidden)
        asr = self.expected(logits) + self.context(hidden)
        return HeadOutput(
            lengths.clear(asr.mT + self.direct(heard.mT)),
            lengths.clear(self.energy(hidden).mT).mT.flatten(1),
            logits.mT,
        )

    def expected(self, logits: Tensor) -> Tensor:
        """Mean features of symbols with these logits: `[batch, frames, symbols]` to `[batch,
        frames, spoken]`."""
        usual: Tensor = self.usual((SHARPNESS * logits).softmax(dim=-1))
        return usual

    def normed(self, heard: Tensor, lengths: Lengths) -> Tensor:
        """Every frame with mean 0 and variance 1; zeros beyond each length."""
        return lengths.clear(F.layer_norm(heard, heard.shape[-1:]).mT).mT

    def hidden(self, heard: Tensor, levels: Tensor, lengths: Lengths) -> Tensor:
        """`[batch, frames, width]`: frames and what is about them, before the last layers."""
        x = lengths.clear((self.heard(heard) + self.level(levels)).mT)
        for block in self.blocks:
            x = block(x, lengths)
        hidden: Tensor = self.final_norm(x.mT)
        return hidden


def at_frames(features: Tensor, frames: int, start: float = 0.0, stretch: float = 1.0) -> Tensor:
    """Features of 20 ms `[features, width]` at the middles of `frames` frames of 25 ms.

    The first frame begins at `start` (seconds of the source); `stretch` frames last as long as one
    frame of the source did. Between features it is interpolated linearly.
    """
    middles = (torch.arange(frames) + 0.5) * FRAME_SECONDS / stretch + start
    places = (middles / FEATURE_SECONDS).clamp(0, len(features) - 1)
    before = places.floor().long()
    after = (before + 1).clamp(max=len(features) - 1)
    share = (places - before)[:, None].to(features.dtype).to(features.device)
    return features[before] * (1 - share) + features[after] * share
