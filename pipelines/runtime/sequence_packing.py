"""Sequences of different lengths in one tensor, one after another and without padding.

What works on each frame by itself runs over all of them at once. What looks along time runs over
neighbours of equal length together on a CPU; elsewhere over all sequences, padded, so that the
number of operations does not grow with theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipelines.runtime.device import in_blocks
from pipelines.runtime.kept import kept
from pipelines.runtime.lengths import BoundedLengths, Lengths
from pipelines.runtime.transfer import to_device


class Index(NamedTuple):
    """Where the sequences of a packed tensor lie, on the device."""

    positions: Tensor
    """Of each frame in its sequence, `[frames]`."""
    sequences: Tensor
    """The sequence of each frame, `[frames]`."""
    ends: Tensor
    """Where each sequence begins, and where the last one ends: `[sequences + 1]`, int32."""
    frames: Tensor
    """The frame of each padded place, any beyond an end: `[sequences * longest]`."""
    places: Tensor
    """The padded place of each frame, `[frames]`."""
    lengths: Tensor
    """`[sequences]`."""


class Packing:
    """Where the sequences of a packed tensor `[frames, …]` lie.

    `positions` `[frames]` tells each frame its place in its sequence. Sequences of equal length
    should be neighbours. What is found once is kept: a batch keeps its packing over many steps.
    """

    def __init__(
        self, lengths: tuple[int, ...], device: torch.device, longest: int | None = None
    ) -> None:
        """Sequences are padded to `longest`, by default that of the longest of them."""
        self.lengths = lengths
        self.longest = longest or max(lengths)
        self.count = len(lengths)
        self.device = device
        self.runs = [(length, len(list(run))) for length, run in groupby(lengths)]
        places = np.concatenate([np.arange(length) for length in lengths])
        self.positions = to_device(places, device)
        self._made: dict[str, Tensor] = {}

    @property
    def even(self) -> bool:
        """Whether all sequences are of one length."""
        return len(self.runs) == 1

    def once(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """What `make` gave when it was asked for under this name first."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    @kept
    def members(self) -> Lengths:
        """The lengths, of sequences that are padded."""
        return Lengths(self.lengths, self.device)

    @kept
    def sequences(self) -> Tensor:
        """The sequence of each frame, `[frames]`."""
        return to_device(np.repeat(np.arange(len(self.lengths)), self.lengths), self.device)

    @kept
    def ends(self) -> Tensor:
        """Where each sequence begins, and where the last one ends: `[sequences + 1]`, int32."""
        return to_device(np.cumsum([0, *self.lengths]).astype(np.int32), self.device)

    @kept
    def _places(self) -> tuple[Tensor, Tensor]:
        """The frame of each padded place, any beyond an end; and the place of each frame."""
        longest, starts = self.longest, np.cumsum([0, *self.lengths[:-1]])
        steps = np.minimum(np.arange(longest), np.array(self.lengths)[:, None] - 1)
        frames = (starts[:, None] + steps).flatten()
        places = [index * longest + np.arange(n) for index, n in enumerate(self.lengths)]
        return to_device(frames, self.device), to_device(np.concatenate(places), self.device)

    @property
    def index(self) -> Index:
        return Index(self.positions, self.sequences, self.ends, *self._places, self.members.tensor)

    def padded(self, packed: Tensor) -> Tensor:
        """`[frames, …]` to `[sequences, longest, …]`; anything beyond each end."""
        if self.even:
            return packed.view(self.count, -1, *packed.shape[1:])
        rows = packed.index_select(0, self._places[0])
        return rows.view(self.count, -1, *packed.shape[1:])

    def packed(self, padded: Tensor) -> Tensor:
        """The way back."""
        rows = padded.flatten(0, 1)
        return rows if self.even else rows.index_select(0, self._places[1])

    def by_run(
        self,
        function: Callable[..., Tensor],
        packed: Sequence[Tensor],
        vectors: Sequence[Tensor] = (),
    ) -> Tensor:
        """`function` of each run of neighbours of equal length, packed again.

        It is given the run's part of each packed tensor, `[sequences, frames, …]`, and of each
        tensor of vectors `[sequences, …]`.
        """
        frames = [length * count for length, count in self.runs]
        counts = [count for _, count in self.runs]
        parts = [tensor.split_with_sizes(frames) for tensor in packed]
        heads = [tensor.split_with_sizes(counts) for tensor in vectors]
        results = []
        for number, (length, count) in enumerate(self.runs):
            run = [part[number].view(count, length, *part[number].shape[1:]) for part in parts]
            results.append(function(*run, *(head[number] for head in heads)).flatten(0, 1))
        return results[0] if len(results) == 1 else torch.cat(results)

    def modulate(self, packed: Tensor, vectors: Tensor) -> Tensor:
        """`[frames, width]` scaled and shifted by the vectors of each sequence, `[sequences,
        2 · width]`: the scales, then the shifts."""
        if not self.even and not in_blocks(packed):
            by, to = vectors.index_select(0, self.sequences).chunk(2, dim=1)
            return torch.addcmul(to, by, packed)
        return self.by_run(
            lambda run, by, to: torch.addcmul(to[:, None], by[:, None], run),
            [packed],
            vectors.chunk(2, dim=1),
        )


class IndexedPacking(Packing):
    """A packing of which this process knows nothing but sizes, so that what is captured with it
    (`graphs`) is right for others of the same sizes."""

    def __init__(self, index: Index, longest: int) -> None:
        self.lengths, self.runs = (), []
        self.longest = longest
        self.count = len(index.lengths)
        self.device = index.lengths.device
        self.positions = index.positions
        self._made = {}
        self.__dict__.update(
            sequences=index.sequences,
            ends=index.ends,
            _places=(index.frames, index.places),
            members=BoundedLengths(index.lengths, longest),
        )
