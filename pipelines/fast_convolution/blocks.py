"""A convolution over time by a scheme, block by block in the cache.

Of each block the input is activated and analysed, the factors are multiplied with the weights, one
matrix product for each of the scheme's points, and the products are synthesised to outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.fast_convolution import loops
from pipelines.fast_convolution.activations import Activation
from pipelines.fast_convolution.schemes import TAPS, Scheme, kind_for, scheme
from pipelines.threads import share_out

Floats = NDArray[np.float32]
CACHED = 1 << 20
"""Bytes of factors, and of products, that stay in the cache of a core."""
MOST_TILES = 240
PAGE = 4096
MEASURED = 1024
"""Steps whose moments are taken together: the sums of a whole minute would lose digits."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and biased variance of each channel over all steps, `[channels]`, float32."""

    mean: Tensor
    variance: Tensor

    @classmethod
    def of(cls, x: Tensor) -> Moments:
        """Of `[steps, channels]`."""
        signal = x.numpy()
        starts = range(0, len(x), MEASURED)
        parts = np.empty((len(starts), 2, x.shape[1]), np.float32)

        def measure(chosen: range) -> None:
            for n in chosen:
                loops.moments(signal, starts[n], min(starts[n] + MEASURED, len(x)), parts[n])

        share_out(measure, len(starts))
        return cls.joined(parts, _spans(starts, len(x)))

    @classmethod
    def joined(cls, parts: Floats, steps: Sequence[int]) -> Moments:
        """From means and summed squared deviations of parts, `[parts, 2, channels]`."""
        share = np.array(steps)[:, None] / sum(steps)
        mean = (share * parts[:, 0]).sum(axis=0)
        within = parts[:, 1].sum(axis=0, dtype=np.float64) / sum(steps)
        variance = within + (share * (parts[:, 0] - mean) ** 2).sum(axis=0)
        return cls(*(torch.from_numpy(each.astype(np.float32)) for each in (mean, variance)))


def suits(weight: Tensor) -> bool:
    """Whether there is a scheme for a layer's weight, `[channels out, channels in, taps]`."""
    outputs, inputs, taps = weight.shape
    return inputs == outputs and taps in TAPS and loops.lanes_for(inputs) is not None


class BlockConvolution:
    """As many channels and steps as come in; the activated signal has zeros beyond both ends."""

    def __init__(
        self, weight: Tensor, bias: Tensor | None, dilation: int, dtype: torch.dtype
    ) -> None:
        """Products are of `dtype`, float32 or bfloat16; all else is float32."""
        self.channels, _, self.taps = weight.shape
        self.dilation = dilation
        lanes = loops.lanes_for(self.channels)
        if lanes is None or not suits(weight):
            raise ValueError(f"there is no scheme for a weight of {list(weight.shape)}")
        kind = kind_for(self.taps, exact=dtype is torch.float32)
        self.scheme = scheme(kind, self.taps)
        self._analyse, self._synthesise = loops.tile_loops(lanes, kind, self.taps)
        factors = self.scheme.weigh(weight.detach().float().permute(2, 1, 0).numpy())
        self._factors = torch.from_numpy(factors.astype(np.float32)).to(dtype)
        none = torch.zeros(self.channels)
        self._bias: Floats = (none if bias is None else bias.detach().float()).numpy().copy()

    def __call__(self, x: Tensor, activation: Activation, added: Tensor | None = None) -> Tensor:
        """`x`, what is added to the result and the result are `[steps, channels]`, float32."""
        return self._run(x, activation, added, measured=False)[0]

    def measured(
        self, x: Tensor, activation: Activation, added: Tensor | None = None
    ) -> tuple[Tensor, Moments]:
        """The same, and the moments of the result."""
        result, parts, spans = self._run(x, activation, added, measured=True)
        return result, Moments.joined(parts, spans)

    def _run(
        self, x: Tensor, activation: Activation, added: Tensor | None, measured: bool
    ) -> tuple[Tensor, Floats, list[int]]:
        """The result; means and summed squared deviations of its blocks, and their steps."""
        steps, tiles = len(x), self._tiles(len(x))
        width = tiles * self.dilation * self.scheme.outputs
        starts = range(0, steps, width)
        result = torch.empty_like(x)
        parts = np.empty((len(starts), 2, self.channels), np.float32)
        source, target = x.numpy(), result.numpy()
        more, apart = (
            (torch.zeros(1, self.channels), 0) if added is None else (added, self.channels)
        )
        before = self.dilation * (self.taps - 1) // 2

        def make(blocks: range) -> None:
            space = _Space(self.scheme, self.channels, self.dilation, tiles, self._factors.dtype)
            fill = activation.over(source)
            for block in blocks:
                first = starts[block]
                fill(first - before, space.activated)
                self._analyse(space.activated, tiles, space.factors, space.pitch)
                torch.bmm(space.left, self._factors, out=space.right)
                self._synthesise(
                    space.products, space.pitch, self.dilation, tiles, first, self._bias,
                    more.numpy(), apart, target, space.tile,
                )  # fmt: skip
                if measured:
                    loops.moments(target, first, min(first + width, steps), parts[block])

        share_out(make, len(starts))
        return result, parts, _spans(starts, steps)

    def _tiles(self, steps: int) -> int:
        """Of each phase of a block: blocks as large as the cache wants, and all of one size. Fewer
        tiles than half the channels would let the weights take longer to read than to multiply."""
        size = self.channels * self._factors.dtype.itemsize
        most = max(self.channels // 2, min(CACHED // (self.scheme.products * size), MOST_TILES))
        tiles = -(-steps // self.scheme.outputs)
        phase = -(-tiles // (-(-tiles // most) * self.dilation))
        # Factors of two points that lie a multiple of a page apart would share their cache lines.
        return phase + (phase * self.dilation * size % PAGE == 0)


class _Space:
    """What a thread needs to make blocks of a layer in."""

    def __init__(
        self, chosen: Scheme, channels: int, dilation: int, tiles: int, dtype: torch.dtype
    ) -> None:
        rows = tiles * chosen.outputs + chosen.taps - 1
        self.activated = np.empty((dilation, rows, channels), np.float32)
        self.tile = np.zeros((chosen.outputs + 1, channels), np.float32)
        self.pitch = tiles * dilation * channels
        buffers = torch.empty(2, chosen.products, tiles * dilation, channels, dtype=dtype)
        self.left, self.right = buffers
        bits = buffers if dtype is torch.float32 else buffers.view(torch.uint16)
        self.factors, self.products = bits.view(2, -1).numpy()


def _spans(starts: range, steps: int) -> list[int]:
    return [min(start + starts.step, steps) - start for start in starts]
