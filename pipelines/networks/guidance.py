"""Classifier-free guidance: Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pipelines.runtime.transfer import to_device

NO_GUIDANCE = 1.0
"""The scale at which the unconditional prediction has no effect."""


def guided(conditional: Tensor, unconditional: Tensor, scale: Tensor) -> Tensor:
    """From the unconditional prediction through the conditional one, `scale` times as far.

    All three broadcast to the shape of the predictions.
    """
    return unconditional + scale * (conditional - unconditional)


class GuidedRows:
    """The rows of a pass: two for a guided member, with the condition and without it, one for any
    other. Where they lie is brought to the device once."""

    def __init__(
        self, is_guided: Sequence[bool], device: torch.device, rows: int | None = None
    ) -> None:
        """As many `rows` are made as are given, if more are given than needed; what is in the last
        ones, copies of the first member's, is of no account."""
        members = [member for member, two in enumerate(is_guided) for _ in range(1 + two)]
        firsts = [members.index(member) for member in range(len(is_guided))]
        seconds = [first + two for first, two in zip(firsts, is_guided, strict=True)]
        members += [0] * ((rows or 0) - len(members))
        self._guided = any(is_guided)
        self._count = len(is_guided)
        self._one_each = len(members) == len(is_guided)
        self._members = to_device(members, device)
        self._firsts, self._seconds = to_device(firsts, device), to_device(seconds, device)

    def spread(self, x: Tensor) -> Tensor:
        """`[members, ...]` to `[rows, ...]`."""
        return x if self._one_each else x.index_select(0, self._members)

    def guided(self, packed: Tensor, scales: Tensor) -> Tensor:
        """`[rows, ...]` to `[members, ...]`, mixed by the members' `scales` `[members, 1, ...]`."""
        if not self._guided:
            return packed[: self._count]
        # A member that is not guided has one row, which is both of what is mixed.
        conditional = packed.index_select(0, self._firsts)
        return guided(conditional, packed.index_select(0, self._seconds), scales)
