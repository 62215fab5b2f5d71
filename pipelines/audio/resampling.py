"""The resampling that stood before the 16 kHz models in training."""

from __future__ import annotations

from torch import Tensor

from pipelines.runtime.torchaudio_import import functional


def sinc_resample(wave: Tensor, source_rate: int, target_rate: int) -> Tensor:
    """`[batch, samples]` from one rate (Hz) to another by a Hann-windowed sinc filter.

    Six zero crossings, roll-off 0.99: torchaudio's defaults.
    """
    resampled: Tensor = functional.resample(wave, source_rate, target_rate)
    return resampled
