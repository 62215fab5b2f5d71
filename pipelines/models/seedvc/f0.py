"""Pitch contours: moving a source towards a reference, and the classes the model sees.

Contours are float64 in Hz, 100 frames per second, 0 where there is no voice.
"""

from __future__ import annotations

import torch
from torch import Tensor

VOICED_HZ = 1.0
UNVOICED_SHIFTED_HZ = 1e-5
LOWEST_HZ = 50.0
HIGHEST_HZ = 1100.0


def _log(hertz: Tensor) -> Tensor:
    return torch.log(hertz + UNVOICED_SHIFTED_HZ)


def shift_pitch(source: Tensor, reference: Tensor, *, match: bool, semitones: float) -> Tensor:
    """The source contour `[frames]` as the model should hear it, Hz, unvoiced frames 1e-5.

    `match` moves its median (the lower one of an even count) on a logarithmic scale to that of the
    reference; without a voiced frame on either side there is nothing to match.
    """
    voiced = source > VOICED_HZ
    reference_voiced = reference[reference > VOICED_HZ]
    logarithm = _log(source)
    if match and voiced.any() and len(reference_voiced):
        distance = _log(reference_voiced).median() - _log(source[voiced]).median()
        logarithm = torch.where(voiced, logarithm + distance, logarithm)
    shifted = logarithm.exp()
    return torch.where(voiced, shifted * 2.0 ** (semitones / 12.0), shifted)


def _mel(hertz: Tensor) -> Tensor:
    return 1127.0 * torch.log1p(hertz / 700.0)


def pitch_classes(hertz: Tensor, bins: int) -> Tensor:
    """Classes of a contour: 1 to bins - 1 on the mel scale between 50 and 1100 Hz.

    Unvoiced and lower pitches are class 1. Higher ones are class 0: a slip of the original
    training code that the weights have learnt.
    """
    low, high = _mel(torch.tensor([LOWEST_HZ, HIGHEST_HZ], dtype=torch.float64))
    mel = _mel(hertz.double())
    scaled = torch.where(mel > 0, (mel - low) * (bins - 2) / (high - low) + 1, mel)
    classes = scaled.round().long().clamp(min=1)
    return torch.where(classes >= bins, 0, classes)
