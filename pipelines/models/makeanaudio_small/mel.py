"""The mel spectrogram of the small model, in the geometry of Make-An-Audio."""

from __future__ import annotations

from torch import Tensor

from pipelines.audio.mel import MelConfig, mel_spectrogram
from pipelines.requests.sound import HOP, SAMPLE_RATE

SOUND_MEL = MelConfig(filter_rate=SAMPLE_RATE, fft=1024, hop=HOP, bands=80, window=1024)
FLOOR = 1e-5


def sound_mel(wave: Tensor) -> Tensor:
    """`[batch, samples]` to log10 magnitudes `[batch, 80, samples / 256]`, floored at -5."""
    return mel_spectrogram(wave, SOUND_MEL).clamp(min=FLOOR).log10()
