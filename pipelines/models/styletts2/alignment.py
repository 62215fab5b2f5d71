"""From predicted durations to frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.runtime.lengths import Lengths
from pipelines.runtime.transfer import to_device, to_host

SETTLED = 1e-3
"""How close to a whole number of frames a duration is that one: see `settled`."""


def frame_counts(logits: Tensor, speeds: Tensor, lengths: Lengths) -> Tensor:
    """Whole frames of each token, `[batch, tokens]`, 0 beyond each length.

    At speed 1 expected durations are rounded half to even, and are at least 1. At another speed
    `[batch]` the sum of these is divided by it; each token has its share, whose rounding error the
    next one carries, so that short tokens may have no frame.
    """
    durations = settled(expected_durations(logits.double()))
    frames = torch.round(durations).clamp(min=1)
    places = torch.arange(durations.shape[1], device=durations.device)
    real = places < lengths.tensor[:, None]
    shares = durations.clamp(min=SETTLED) * real
    totals = torch.round((frames * real).sum(1) / speeds.double())[:, None].clamp(min=1)
    ends = torch.round(shares.cumsum(1) / shares.sum(1, keepdim=True) * totals)
    # The last token keeps a frame, which `delayed` takes.
    ends = torch.where(places < lengths.tensor[:, None] - 1, ends.clamp(max=totals - 1), totals)
    carried = torch.diff(ends, dim=1, prepend=torch.zeros_like(totals))
    frames = torch.where(speeds[:, None] == 1, frames, carried).long()
    return frames.masked_fill(~real, 0)


def expected_durations(logits: Tensor) -> Tensor:
    """Of `[batch, tokens, max_duration]`: the sum of each token's sigmoids, `[batch, tokens]`."""
    return torch.sigmoid(logits).sum(-1)


def settled(durations: Tensor) -> Tensor:
    """Whole numbers where durations nearly are.

    Most sigmoids are 0 or 1 but for rounding, so that many durations are whole but for rounding. At
    a speed of 2 half of those lie at the edge between two counts, where the last bit would decide:
    another processor would make a clip of another length.
    """
    whole = durations.round()
    return torch.where((durations - whole).abs() < SETTLED, whole, durations)


def lengthened(frames: Tensor, lengths: Lengths, more: Sequence[int]) -> Tensor:
    """The counts with `more` frames for the last token of each member."""
    last = lengths.tensor[:, None] - 1
    return frames.scatter_add(1, last, to_device(more, frames.device)[:, None])


def delayed(frames: Tensor, lengths: Lengths) -> Tensor:
    """The counts that lay everything out one frame later: the first doubled, the last dropped."""
    late = lengthened(frames, lengths, [-1] * len(frames))
    late[:, 0] += 1
    return late


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which token each frame belongs to, `[batch, frames]`; any beyond a member's length."""

    tokens: Tensor
    lengths: Lengths

    @classmethod
    def of(cls, frames: Tensor) -> Alignment:
        """From the frames of each token, `[batch, tokens]`. The lengths are waited for."""
        ends = frames.cumsum(1)
        [totals] = to_host(ends[:, -1])
        lengths = Lengths.of(totals.tolist(), frames.device)
        times = torch.arange(lengths.longest, device=frames.device).expand(len(frames), -1)
        tokens = torch.searchsorted(ends, times.contiguous(), right=True)
        return cls(tokens.clamp(max=frames.shape[1] - 1), lengths)

    def spread(self, features: Tensor) -> Tensor:
        """Each token's feature for all its frames: `[batch, channels, tokens]` to `[batch,
        channels, frames]`, zeros beyond each member's end."""
        batch, channels, count = features.shape
        first = count * torch.arange(batch, device=features.device)[:, None]
        rows = features.mT.reshape(batch * count, channels)
        spread = rows.index_select(0, (first + self.tokens).flatten())
        return self.lengths.clear(spread.view(batch, -1, channels).mT)


def align(features: Tensor, frames: Tensor) -> tuple[Tensor, Lengths]:
    """Repeat each token's feature for its frames, `[batch, tokens]`: see `Alignment`."""
    alignment = Alignment.of(frames)
    return alignment.spread(features), alignment.lengths
