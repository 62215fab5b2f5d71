"""What the small model is told of a sound: its kind, and as much of its traits as is known.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.models.foley.synthesis.catalogue import SOUNDS
from pipelines.models.foley.synthesis.sound import DISTANCE, INTENSITY, PITCH, SPACE, SPEED

if TYPE_CHECKING:
    from torch import Tensor

KINDS = tuple(sorted(SOUNDS))
TRAITS = (SPEED, PITCH, INTENSITY, DISTANCE, SPACE)
SIZE = len(KINDS) + 2 * len(TRAITS)

Floats = NDArray[np.float32]


def condition(kind: str, traits: Mapping[str, float]) -> Floats:
    """`[SIZE]`: a one at the place of the kind; each trait from -1 to 1, distance and space from 0,
    and whether it is known.
    """
    told = np.zeros(SIZE, np.float32)
    told[KINDS.index(kind)] = 1
    values, known = np.split(told[len(KINDS) :], 2)
    for trait, value in traits.items():
        place = TRAITS.index(trait)
        values[place] = max(0.0, value) if trait in (DISTANCE, SPACE) else value
        known[place] = 1
    return told


def parts(told: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Conditions `[sounds, SIZE]` as kinds, values of traits, and whether these are known."""
    kinds, traits = len(KINDS), len(TRAITS)
    return told[:, :kinds], told[:, kinds : kinds + traits], told[:, kinds + traits :]
