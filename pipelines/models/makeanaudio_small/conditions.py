"""The condition of the small model: the kind of a sound, and those of its traits that are known.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.models.foley.catalogue import RULES
from pipelines.models.foley.synthesis.sound import DISTANCE, INTENSITY, PITCH, SPACE, SPEED

if TYPE_CHECKING:
    from torch import Tensor

KINDS = tuple(sorted(RULES))
TRAITS = (SPEED, PITCH, INTENSITY, DISTANCE, SPACE)
SIZE = len(KINDS) + 2 * len(TRAITS)

Floats = NDArray[np.float32]


def condition(kind: str, traits: Mapping[str, float]) -> Floats:
    """`[SIZE]`: a one at the place of the kind; each trait from -1 to 1, distance and space from 0,
    and whether it is known.
    """
    vector = np.zeros(SIZE, np.float32)
    vector[KINDS.index(kind)] = 1
    values, known = np.split(vector[len(KINDS) :], 2)
    for trait, value in traits.items():
        place = TRAITS.index(trait)
        values[place] = max(0.0, value) if trait in (DISTANCE, SPACE) else value
        known[place] = 1
    return vector


def parts(conditions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Conditions `[sounds, SIZE]` as kinds, values of traits, and whether these are known."""
    kinds, traits = len(KINDS), len(TRAITS)
    values, known = conditions[:, kinds : kinds + traits], conditions[:, kinds + traits :]
    return conditions[:, :kinds], values, known
