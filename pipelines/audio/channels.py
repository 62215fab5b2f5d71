"""From several channels to one, without losing a voice on the way.

The mean of all is right unless the channels are against each other: with one of them turned round
(a wrongly wired plug, "widened" stereo) a voice in both is gone from the mean. Then the strongest
channel alone is taken. Channels with nothing in them do not count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.audio.readers import Block

_CANCELLED = 0.25
"""Power of the mean over that of the mean of independent channels: 1 for these, the number of
channels for equal ones, 0 for two that are each other's opposite."""
_SILENT = 1e-4
"""Power of a channel over that of the strongest (-40 dB) below which it holds nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """How much of each channel is in the one: `weights` `[channels]`."""

    weights: NDArray[np.float32]

    @classmethod
    def mean(cls, channels: int) -> Mix:
        return cls(np.full(channels, 1 / channels, np.float32))

    def of(self, block: Block) -> NDArray[np.float32]:
        mixed: NDArray[np.float32] = block @ self.weights
        return mixed


class ChannelPowers:
    """How strong channels are, alone and together.

    Differences of neighbouring samples are measured, which leaves out constant offsets and most of
    a hum.
    """

    def __init__(self, channels: int) -> None:
        self._products = np.zeros((channels, channels))

    def add(self, block: Block) -> None:
        if len(self._products) > 1:
            changes = np.diff(block.astype(np.float64), axis=0)
            self._products += changes.T @ changes

    def strongest_alone(self) -> Mix | None:
        """The mix to use instead of the mean, where channels cancel each other."""
        powers = self._products.diagonal()
        independent = powers.sum() / len(powers) ** 2
        together = self._products.mean()
        if len(powers) == 1 or not independent or together >= _CANCELLED * independent:
            return None
        return Mix(np.eye(len(powers), dtype=np.float32)[int(np.argmax(powers))])

    def gain(self) -> float:
        """By what the mean of all is less than that of the channels that hold something."""
        powers = self._products.diagonal()
        holding = int((powers > _SILENT * powers.max()).sum())
        return len(powers) / holding if holding else 1.0
