"""The mel spectrogram that the classifier and the measures see."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.audio.mel import MelConfig, mel_spectrogram
from pipelines.models.foley.synthesis.signals import SAMPLE_RATE

MEL = MelConfig(filter_rate=SAMPLE_RATE, fft=1024, hop=256, bands=80, window=1024)
FLOOR = 1e-5


def sound_mel(wave: NDArray[np.floating]) -> Tensor:
    """`[samples]` to log10 magnitudes `[80, samples / 256]`, floored at -5."""
    samples = torch.from_numpy(np.asarray(wave, np.float32))[None]
    return mel_spectrogram(samples, MEL)[0].clamp(min=FLOOR).log10()
