"""The pitch as the decoder wants it: in the register of the voice, and without gaps in speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.models.revoice.segments import Floats

SILENT_HZ = 5.0
"""What Kokoro's own contours hold in silence."""
SPEECH_ENERGY = 1.0
"""The least energy at which the decoder is given a pitch where the source has none: a consonant."""
LOWEST_HZ, HIGHEST_HZ = 50.0, 600.0
"""What the decoder was trained to speak."""


def sampled(pitch: Floats, rate: float, times: NDArray[np.floating]) -> Floats:
    """A contour of `rate` values a second, each of the middle of its span, at `times` (seconds).

    The nearest value is taken, so that voiced and unvoiced are never mixed.
    """
    places = np.clip(np.floor(times * rate), 0, max(len(pitch) - 1, 0)).astype(int)
    return pitch[places] if len(pitch) else np.zeros(len(times), np.float32)


def shift(contours: Sequence[Floats], target_hz: float, semitones: float) -> list[Floats]:
    """All contours of a source moved alike, so that their median is `target_hz`, then transposed.

    Unvoiced values stay 0.
    """
    voiced = np.concatenate([contour[contour > 0] for contour in contours])
    if not len(voiced):
        return list(contours)
    ratio = target_hz / np.exp(np.median(np.log(voiced))) * 2 ** (semitones / 12)
    return [
        np.where(contour > 0, np.clip(contour * ratio, LOWEST_HZ, HIGHEST_HZ), 0).astype(np.float32)
        for contour in contours
    ]


def filled(pitch: Floats, energy: Floats) -> Floats:
    """A contour with its gaps closed where there is speech, and low where there is none.

    Between voiced values the logarithm is interpolated.
    """
    voiced = np.flatnonzero(pitch > 0)
    silent = (pitch <= 0) & (energy < SPEECH_ENERGY)
    if not len(voiced):
        return np.full_like(pitch, SILENT_HZ)
    logarithm = np.interp(np.arange(len(pitch)), voiced, np.log(pitch[voiced]))
    return np.where(silent, SILENT_HZ, np.exp(logarithm)).astype(np.float32)
