"""From predicted durations to frames."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pipelines.runtime.lengths import Lengths


def frame_counts(logits: Tensor, speeds: Tensor, lengths: Lengths) -> list[Tensor]:
    """Whole frames of each token of each member.

    At speed 1 expected durations are rounded half to even, and are at least 1. At another speed
    `[batch]` the sum of these is divided by it; each token has its share, whose rounding error the
    next one carries, so that short tokens may have no frame.
    """
    durations = expected_durations(logits)
    frames = torch.round(durations).clamp(min=1)
    real = torch.tensor(lengths.values, device=durations.device)
    within = torch.arange(durations.shape[1], device=durations.device) < real[:, None]
    shares = durations.double() * within
    totals = (frames * within).sum(1) / speeds
    ends = torch.round(shares.cumsum(1) / shares.sum(1, keepdim=True) * totals[:, None])
    carried = torch.diff(ends, dim=1, prepend=torch.zeros_like(ends[:, :1]))
    frames = torch.where(speeds[:, None] == 1, frames, carried).long()
    return [frames[i, :length] for i, length in enumerate(lengths.values)]


def expected_durations(logits: Tensor) -> Tensor:
    """Of `[batch, tokens, max_duration]`: the sum of each token's sigmoids, `[batch, tokens]`."""
    return torch.sigmoid(logits).sum(-1)


def delayed(frames: Sequence[Tensor]) -> list[Tensor]:
    """The counts that lay everything out one frame later: the first doubled, the last dropped."""
    late = [counts.clone() for counts in frames]
    for counts in late:
        counts[0] += 1
        counts[int(counts.nonzero()[-1])] -= 1
    return late


def align(features: Tensor, frames: Sequence[Tensor]) -> tuple[Tensor, Lengths]:
    """Repeat each token's feature for its frames.

    `features` `[batch, channels, tokens]` becomes `[batch, channels, frames]`, zeros beyond each
    member's end.
    """
    lengths = Lengths.of([int(counts.sum()) for counts in frames], features.device)
    aligned = features.new_zeros(len(frames), features.shape[1], lengths.longest)
    for row, feature, counts, total in zip(aligned, features, frames, lengths.values, strict=True):
        row[:, :total] = feature[:, : len(counts)].repeat_interleave(counts, dim=1)
    return aligned, lengths
