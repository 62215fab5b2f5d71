"""Latents as rows of numbers, one for each column."""

from __future__ import annotations

from torch import Tensor


def columns_of(latents: Tensor) -> Tensor:
    """`[batch, channels, rows, columns]` to `[batch, columns, channels · rows]`."""
    return latents.permute(0, 3, 1, 2).flatten(2)


def latent_of(columns: Tensor, channels: int) -> Tensor:
    """The way back."""
    batch, count, _ = columns.shape
    return columns.view(batch, count, channels, -1).permute(0, 2, 3, 1)
