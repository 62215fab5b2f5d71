"""Kaldi's log filter bank, as the CAM++ speaker encoder wants it.

25 ms Povey windows every 10 ms at 16 kHz; the wave stays in [-1, 1], so that quiet bands reach
the floor of the logarithm just as they did in training.
"""

from __future__ import annotations

from torch import Tensor

from pipelines.runtime.torchaudio_import import kaldi

SAMPLE_RATE = 16000
BANDS = 80


def log_filter_bank(wave: Tensor) -> Tensor:
    """`[samples]` at 16 kHz to `[frames, BANDS]`, frames = 1 + (samples - 400) // 160."""
    bands: Tensor = kaldi.fbank(
        wave[None], num_mel_bins=BANDS, sample_frequency=SAMPLE_RATE, dither=0.0
    )
    return bands
