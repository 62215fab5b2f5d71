"""What is done to a signal before it is convolved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipelines.fast_convolution.loops import filtered_snake_loop, lanes_for, snake_loop
from pipelines.fast_convolution.operations import RING

Floats = NDArray[np.float32]
Fill = Callable[[int, Floats], None]
"""From a step on, phase by phase: `[dilation, rows, channels]`, zeros beyond both ends."""


class Activation(Protocol):
    def over(self, x: Floats) -> Fill:
        """What gives the activated signal of `x`, `[steps, channels]`; for one thread."""


def _lanes(channels: int) -> int:
    lanes = lanes_for(channels)
    if lanes is None:
        raise ValueError(f"{channels} channels do not divide into vectors")
    return lanes


class NormedSnake:
    """`(u + sin² u) · slope` with `u = scale · x + shift`; each `[channels]`, float32."""

    def __init__(self, scale: Tensor, shift: Tensor, slope: Tensor) -> None:
        self._arrays = scale.numpy(), shift.numpy(), slope.numpy()
        self._loop = snake_loop(_lanes(len(scale)))

    def over(self, x: Floats) -> Fill:
        return lambda first, u: self._loop(x, len(x), first, *self._arrays, u)


class FilteredSnake:
    """`x + sin²(αx) · slope` at twice the rate, `[channels]` each; filters of 12 taps before and
    after, by phases as in `antialias.py`: `[2, 6]`."""

    def __init__(self, alpha: Tensor, slope: Tensor, rising: Tensor, falling: Tensor) -> None:
        arrays = alpha, slope, rising.flatten(), falling.flatten()
        self._arrays = [each.detach().float().contiguous().numpy() for each in arrays]
        self._loop = filtered_snake_loop(_lanes(len(alpha)))

    def over(self, x: Floats) -> Fill:
        ring = np.empty((2, RING, x.shape[1]), np.float32)
        edge = np.empty((7, x.shape[1]), np.float32)
        return lambda first, u: self._loop(x, len(x), first, *self._arrays, ring, edge, u)
