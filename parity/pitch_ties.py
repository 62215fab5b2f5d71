"""Ties between pitch classes that rounding alone decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pipelines.networks.rmvpe import RMVPE, decode

SALIENCE = 1e-5
"""Tolerance of a salience."""


@contextmanager
def ties_as_recorded(tracker: RMVPE, contours: Iterable[Tensor]) -> Iterator[None]:
    """Meanwhile `tracker` decides ties as the recorded contours do, each `[frames]` in Hz.

    With random weights two distant classes can be equally salient up to the order of additions. One
    of them that lies within the tolerance of the strongest may be taken for it.
    """
    recorded = {contour.numel(): contour.flatten() for contour in contours}

    def settle(_module: nn.Module, _given: tuple[Tensor, ...], saliences: Tensor) -> Tensor:
        contour = recorded.get(saliences.shape[1])
        if contour is None:
            return saliences
        return torch.stack([settled(each, contour) for each in saliences])

    handle = tracker.register_forward_hook(settle)
    try:
        yield
    finally:
        handle.remove()


def settled(salience: Tensor, contour: Tensor) -> Tensor:
    """Saliences `[frames, classes]` in which, of classes that tie, the one is strongest that gives
    the pitch of the contour `[frames]`."""
    salience = salience.clone()
    peaks = salience.amax(dim=1)
    tied = salience >= peaks[:, None] - SALIENCE
    for frame in (tied.sum(dim=1) > 1).nonzero().flatten().tolist():
        candidates = salience[frame].repeat(int(tied[frame].sum()), 1)
        rows = torch.arange(len(candidates))
        candidates[rows, tied[frame].nonzero().flatten()] = peaks[frame].nextafter(
            peaks.new_tensor(1.0)
        )
        away = (decode(candidates) - contour[frame]).abs()
        salience[frame] = candidates[away.argmin()]
    return salience
