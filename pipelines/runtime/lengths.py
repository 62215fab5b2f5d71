"""Padded batches that know how much of each member is real.

The rule of every length-aware layer here: what lies beyond a member's length never reaches what
lies within. Convolutions see zeros there, as they see zeros beyond the edge of a single member.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pipelines.runtime.kept import kept
from pipelines.runtime.transfer import to_device


@dataclass(frozen=True)
class Lengths:
    """How many positions of each member of a batch are real, not padding.

    The batch is as long as its longest member.
    """

    values: tuple[int, ...]
    device: torch.device

    @classmethod
    def of(cls, values: Sequence[int], device: torch.device | str = "cpu") -> Lengths:
        return cls(tuple(int(value) for value in values), torch.device(device))

    @property
    def longest(self) -> int:
        return max(self.values)

    @property
    def padded(self) -> bool:
        """Whether any member is shorter than the batch. If not, every mask is skipped."""
        return min(self.values) < self.longest

    @kept
    def tensor(self) -> Tensor:
        """`[batch]`, integers."""
        return to_device(self.values, self.device)

    @kept
    def real(self) -> Tensor:
        """`[batch, longest]`, true where a position is real."""
        return torch.arange(self.longest, device=self.device) < self.tensor[:, None]

    @kept
    def beyond(self) -> Tensor:
        """`[batch, 1, longest]`, true where a step is not real."""
        return ~self.real[:, None]

    @kept
    def share(self) -> Tensor:
        """`[batch, 1, longest]`: what a real step is of its member, 0 beyond. The sum is 1."""
        return (self.real / self.tensor[:, None])[:, None]

    def reflected(self, reach: int) -> Tensor:
        """`[batch, longest + 2 · reach]`: the step that is found at each step from `-reach` on, if
        every member is reflected at its own ends. Any step beyond that."""
        if reach not in self._reflected:
            step = torch.arange(-reach, self.longest + reach, device=self.device).abs()
            last = self.tensor[:, None] - 1
            self._reflected[reach] = (last - (last - step).abs()).clamp(min=0)
        return self._reflected[reach]

    @kept
    def _reflected(self) -> dict[int, Tensor]:
        return {}

    @kept
    def falling(self) -> tuple[Tensor, Tensor, Tensor]:
        """The lengths in falling order, in this process, which members they are, and the way back.

        Torch would sort them itself, and wait for the device to do so."""
        order = np.argsort(self.values)[::-1].copy()
        values = torch.tensor([self.values[place] for place in order])
        return values, to_device(order, self.device), to_device(np.argsort(order), self.device)

    def clear(self, x: Tensor) -> Tensor:
        """`x` `[batch, channels, longest]` with zeros beyond each length."""
        return x.masked_fill(self.beyond, 0) if self.padded else x

    def map(self, change: Callable[[int], int]) -> Lengths:
        """The lengths after a layer that turns `n` positions into `change(n)`."""
        return Lengths(tuple(change(value) for value in self.values), self.device)


class BoundedLengths(Lengths):
    """Lengths that only the device knows, of members that are all padded to `longest`."""

    def __init__(self, tensor: Tensor, longest: int) -> None:
        """`tensor` `[batch]`, integers of at most `longest`."""
        super().__init__((), tensor.device)
        self.__dict__.update(tensor=tensor, _longest=longest)

    @property
    def longest(self) -> int:
        return int(self.__dict__["_longest"])

    @property
    def padded(self) -> bool:
        return True


def padded(arrays: Sequence[NDArray[Any]], device: torch.device) -> Tensor:
    """Arrays that differ at most in their last dimension as one batch, zeros at the ends."""
    longest = max(array.shape[-1] for array in arrays)
    batch = np.zeros((len(arrays), *arrays[0].shape[:-1], longest), arrays[0].dtype)
    for row, array in zip(batch, arrays, strict=True):
        row[..., : array.shape[-1]] = array
    return to_device(batch, device)


def run_lstm(lstm: nn.Module, x: Tensor, lengths: Lengths) -> Tensor:
    """A bidirectional LSTM over `[batch, positions, channels]`; zeros beyond each length.

    Packed where padded, so that the backward direction starts at each member's own end.
    """
    if not lengths.padded:
        return lstm(x)[0]  # type: ignore[no-any-return]
    values, order, back = lengths.falling
    packed = pack_padded_sequence(x.index_select(0, order), values, batch_first=True)
    output, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=x.shape[1])
    return output.index_select(0, back)
