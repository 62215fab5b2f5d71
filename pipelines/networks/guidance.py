"""Classifier-free guidance: Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022."""

from __future__ import annotations

from torch import Tensor

NO_GUIDANCE = 1.0
"""The scale at which the unconditional prediction has no effect."""


def guided(conditional: Tensor, unconditional: Tensor, scale: Tensor) -> Tensor:
    """From the unconditional prediction through the conditional one, `scale` times as far.

    All three broadcast to the shape of the predictions.
    """
    return unconditional + scale * (conditional - unconditional)
