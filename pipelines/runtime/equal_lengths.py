"""Members of a batch that may run together where padding would change their ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import torch

from pipelines.runtime.device import in_blocks

MEMORY = 4 << 30
"""Bytes that the activations of one call may take on a device."""


def together(
    lengths: Sequence[int], device: torch.device, step_bytes: int
) -> Iterator[tuple[int, ...]]:
    """Which members run together: those of one length, in order, as many as `MEMORY` holds.

    `step_bytes` are the most that are alive at a time for a step of a member. On a CPU each runs by
    itself: one keeps all cores busy.
    """
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for member, length in enumerate(lengths):
        by_length[length].append(member)
    for length, members in by_length.items():
        most = 1 if in_blocks(device) else max(1, MEMORY // max(1, length * step_bytes))
        for first in range(0, len(members), most):
            yield tuple(members[first : first + most])
