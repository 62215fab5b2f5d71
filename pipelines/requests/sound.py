"""What is asked of Make-An-Audio, and the sizes that follow from it. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipelines.protocol import InvalidInput, Request

SAMPLE_RATE = 16_000
"""Hz."""
HOP = 256
"""Samples per mel frame."""
LATENT_FRAMES = 8
"""Mel frames per column of the latent."""
LATENT_HEIGHT = 10
"""Rows of the latent: 80 mel bands, eight to a row."""
LATENT_COLUMNS_PER_SECOND = 7.8
WIDTH_MULTIPLE = 4
LONGEST_SECONDS = 300.0
TRAINING_STEPS = 1000
"""Noise levels that the network was trained on."""


@dataclass(frozen=True, slots=True)
class SoundRequest(Request):
    """A sound to be made from a description. `seed` fixes the noise that it starts from."""

    prompt: str
    seconds: float = 10.0
    steps: int = 100
    guidance: float = 3.0
    """How far to go beyond what the description alone suggests; 1 is not at all."""
    seed: int = 0


def check(request: SoundRequest) -> None:
    """Whether the model can serve a request. Raises InvalidInput naming the field at fault."""
    if not 0 < request.seconds <= LONGEST_SECONDS or latent_width(request.seconds) == 0:
        shortest = math.ceil(1000 / LATENT_COLUMNS_PER_SECOND) / 1000
        message = f"A sound lasts between {shortest} and {LONGEST_SECONDS:.0f} seconds."
        raise InvalidInput("seconds", message)
    if not math.isfinite(request.guidance):
        raise InvalidInput("guidance", "The guidance must be a finite number.")
    visited_levels(request.steps)


def latent_width(seconds: float) -> int:
    """Columns of the latent: whole ones only, then up to what the network can halve and double."""
    whole = math.trunc(LATENT_COLUMNS_PER_SECOND * seconds)
    return math.ceil(whole / WIDTH_MULTIPLE) * WIDTH_MULTIPLE


def missing_samples(seconds: float) -> int:
    """Samples by which the model's output is shorter than asked, 0 for most lengths."""
    made = latent_width(seconds) * LATENT_FRAMES * HOP
    return max(0, math.trunc(SAMPLE_RATE * seconds) - made)


def visited_levels(steps: int) -> list[int]:
    """Noise levels to visit, ascending from 1, spaced by the whole part of 1000/steps.

    Where 1000 is no multiple of `steps` there are more of them than asked. Raises InvalidInput
    where they would leave the range, among them for everything above 500.
    """
    levels = []
    if 0 < steps <= TRAINING_STEPS:
        levels = [level + 1 for level in range(0, TRAINING_STEPS, TRAINING_STEPS // steps)]
    if not levels or levels[-1] >= TRAINING_STEPS:
        message = f"{steps} steps do not divide the noise schedule; 10, 25, 50 and 100 do."
        raise InvalidInput("steps", message)
    return levels
