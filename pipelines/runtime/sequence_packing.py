"""Sequences of different lengths in one tensor, one after another and without padding.

A function of single frames runs over all of them at once; a function along time runs over
neighbours of equal length together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby

import torch
from torch import Tensor


class Packing:
    """Where the sequences of a packed tensor `[frames, …]` lie.

    `positions` `[frames]` tells each frame its place in its sequence. Sequences of equal length
    should be neighbours.
    """

    def __init__(self, lengths: tuple[int, ...], device: torch.device) -> None:
        self.lengths = lengths
        self.runs = [(length, len(list(run))) for length, run in groupby(lengths)]
        self.positions = torch.cat([torch.arange(length) for length in lengths]).to(device)

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

    def modulate(self, packed: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """`[frames, width]` scaled and shifted by the vectors of each sequence."""
        return self.by_run(
            lambda run, by, to: torch.addcmul(to[:, None], by[:, None], run),
            [packed],
            [scale, shift],
        )


@lru_cache(maxsize=32)
def packing(lengths: tuple[int, ...], device: torch.device) -> Packing:
    """The packing of these lengths; a batch keeps its own over many steps."""
    return Packing(lengths, device)
