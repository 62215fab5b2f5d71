"""Batches for the diffusion: latents with what their captions say, from the shards of a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.training.sound_latents import LatentEncoder

HELD_OUT = 39
"""Sounds of the first shard of each width that are kept for validation."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`latents` `[sounds, channels, 10, W]`, `texts` `[sounds, 40, 384]`."""

    latents: Tensor
    texts: Tensor


@dataclass(frozen=True, slots=True)
class _Width:
    latents: Tensor
    texts: list[NDArray[np.float16]]
    """By shard, read from the disk as they are used."""
    places: NDArray[np.int64]
    """Shard and row of each sound, `[sounds, 2]`."""

    def take(self, rows: NDArray[np.int64]) -> Batch:
        texts = [self.texts[shard][row] for shard, row in self.places[rows]]
        return Batch(self.latents[rows].float(), torch.from_numpy(np.stack(texts)).float())


class Sounds:
    """All shards that have been read by MiniLM. `shares` are how often each width is drawn."""

    def __init__(
        self, folder: Path, encoder: LatentEncoder, shares: dict[int, float], columns: int
    ) -> None:
        self.empty = torch.from_numpy(np.load(folder / "empty.npy")).float()
        self._columns = columns
        self._shares = shares
        self._widths = {width: _load(folder, width, encoder) for width in shares}

    @property
    def count(self) -> int:
        return sum(len(width.places) for width in self._widths.values())

    def draw(self, rng: np.random.Generator) -> Batch:
        """Sounds of one width, as many as fill the columns of a batch."""
        widths = list(self._shares)
        width = int(rng.choice(widths, p=list(self._shares.values())))
        kept = self._widths[width]
        count = max(1, self._columns // width)
        return kept.take(rng.integers(HELD_OUT, len(kept.places), count))

    def held_out(self) -> list[Batch]:
        return [width.take(np.arange(HELD_OUT)) for width in self._widths.values()]


def _load(folder: Path, width: int, encoder: LatentEncoder) -> _Width:
    texts, latents, places = [], [], []
    for shard, path in enumerate(sorted(folder.glob(f"{width}-*.text.npy"))):
        texts.append(np.load(path, mmap_mode="r"))
        mels = np.load(path.with_name(path.name.replace(".text.", ".mel.")))
        latents.append(encoder.encode(torch.from_numpy(mels)).half())
        places += [(shard, row) for row in range(len(mels))]
    return _Width(torch.cat(latents), texts, np.array(places))
