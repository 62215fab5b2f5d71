"""Batches for the diffusion: latents with what is known of their sounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.models.makeanaudio_small.conditions import KINDS, TRAITS, condition, parts
from pipelines.models.makeanaudio_small.prior import ColumnPrior
from pipelines.models.makeanaudio_small.rows import columns_of
from training.sound_latents import LatentEncoder

HELD_OUT = 39
"""Sounds of the first shard of each width that are kept for validation."""
NAMED_SHARE = 0.6
"""Share of the traits of a sound that its condition names."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`latents` `[sounds, channels, 10, W]`, `conditions` `[sounds, 1, SIZE]`."""

    latents: Tensor
    conditions: Tensor


@dataclass(frozen=True, slots=True)
class _Width:
    latents: Tensor
    conditions: NDArray[np.float32]

    def take(self, rows: NDArray[np.int64], told: NDArray[np.bool_]) -> Batch:
        """`told` `[sounds, traits]`: which traits the condition names."""
        kept = np.concatenate([np.ones((len(rows), len(KINDS))), told, told], axis=1)
        conditions = torch.from_numpy(self.conditions[rows] * kept.astype(np.float32))
        return Batch(self.latents[rows].float(), conditions[:, None])

    def by_kind(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Of each kind the columns `[sounds, W, channels · 10]` and traits of its sounds."""
        latents, conditions = self.latents[HELD_OUT:], torch.from_numpy(self.conditions[HELD_OUT:])
        kinds, traits, _ = parts(conditions)
        return {
            kind: (columns_of(latents[of_kind > 0].float()), traits[of_kind > 0])
            for kind, of_kind in zip(KINDS, kinds.T, strict=True)
        }


class Sounds:
    """All shards. `shares` are how often each width is drawn."""

    def __init__(
        self, folder: Path, encoder: LatentEncoder, shares: Mapping[int, float], columns: int
    ) -> None:
        self._columns = columns
        self._shares = shares
        self._widths = {width: _load(folder, width, encoder) for width in shares}

    @property
    def count(self) -> int:
        return sum(len(width.conditions) for width in self._widths.values())

    def draw(self, rng: np.random.Generator) -> Batch:
        """Sounds of one width, as many as fill the columns of a batch."""
        widths = list(self._shares)
        width = int(rng.choice(widths, p=list(self._shares.values())))
        kept = self._widths[width]
        count = max(1, self._columns // width)
        rows = rng.integers(HELD_OUT, len(kept.conditions), count)
        return kept.take(rows, rng.random((count, len(TRAITS))) < NAMED_SHARE)

    def fit(self, prior: ColumnPrior) -> None:
        """Counts the statistics of each kind that has sounds; those held out are left out."""
        by_width = [width.by_kind() for width in self._widths.values()]
        for place, kind in enumerate(KINDS):
            sounds = [kinds[kind] for kinds in by_width]
            if all(len(columns) for columns, _ in sounds):
                prior.fit(place, sounds)

    def held_out(self) -> list[Batch]:
        told = np.ones((HELD_OUT, len(TRAITS)), bool)
        return [width.take(np.arange(HELD_OUT), told) for width in self._widths.values()]


def _load(folder: Path, width: int, encoder: LatentEncoder) -> _Width:
    latents, conditions = [], []
    for path in sorted(folder.glob(f"{width}-*.json")):
        mels = np.load(path.with_suffix(".mel.npy"))
        latents.append(encoder.encode(torch.from_numpy(mels)).half())
        facts = json.loads(path.read_text())
        conditions += [condition(fact["name"], fact["traits"]) for fact in facts]
    return _Width(torch.cat(latents), np.stack(conditions))
