"""Sequences of different lengths in one tensor, one after another and without padding.

What works on each frame by itself runs over all of them at once; what looks along time runs over
neighbours of equal length together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import groupby

import torch
from torch import Tensor


class Packing:
    """Where the sequences of a packed tensor `[frames, …]` lie.

    `positions` and `owners` `[frames]` tell each frame its place in its sequence and which sequence
    that is. Sequences of equal length should be neighbours.
    """

    def __init__(self, lengths: tuple[int, ...], device: torch.device) -> None:
        self.lengths = lengths
        self.runs = [(length, len(list(run))) for length, run in groupby(lengths)]
        counts = torch.tensor(lengths)
        self.owners = torch.arange(len(lengths)).repeat_interleave(counts).to(device)
        self.positions = torch.cat([torch.arange(length) for length in lengths]).to(device)

    def along_time(self, function: Callable[..., Tensor], *packed: Tensor) -> Tensor:
        """`function` of each run `[sequences, frames, …]`, packed again."""
        sizes = [length * count for length, count in self.runs]
        parts = zip(*(tensor.split_with_sizes(sizes) for tensor in packed), strict=True)
        results = [
            function(*(part.view(count, length, *part.shape[1:]) for part in run)).flatten(0, 1)
            for (length, count), run in zip(self.runs, parts, strict=True)
        ]
        return results[0] if len(results) == 1 else torch.cat(results)

    def spread(self, vectors: Tensor) -> Tensor:
        """`[sequences, …]`: the vector of each frame's sequence, `[frames, …]`."""
        return vectors[self.owners]


@lru_cache(maxsize=32)
def packing(lengths: tuple[int, ...], device: torch.device) -> Packing:
    """The packing of these lengths; a batch keeps its own over many steps."""
    return Packing(lengths, device)
