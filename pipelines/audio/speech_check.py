"""Whether a recording can stand for a voice: speech in it, neither too quiet nor overdriven.

Speech is distinguished by what all languages share: a pitch that comes and goes, levels
that rise and fall with the syllables, and a spectrum that changes from sound to sound. Noise has
no pitch; tones, chords and hums keep their spectrum; single clicks do not last. Everything is
measured below 4 kHz, on frames of 40 ms, so that a telephone will do. Imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.audio.recording import Recording, at_rate
from pipelines.protocol import InvalidInput, Waveform

RATE = 8_000
FRAME, HOP = 320, 160
_FFT = 1_024
_PITCH = (60.0, 500.0)
"""Hz of voices."""
_BANDS = np.geomspace(100, 3_800, 13)
"""Hz, the edges of bands in which the shape of a spectrum is seen."""

LEAST_LEVEL = -50.0
"""dBFS that the loudest fifth of a second reaches."""
_LOUDEST_FRAMES = 10
_BELOW_LOUDEST = 30.0
"""dB within which a frame counts as active."""
LEAST_ACTIVE_SECONDS = 0.5
LEAST_VOICED = 0.2
"""Share of active frames with a pitch: 0.5 to 0.9 in clear speech, half of that in noise as loud as
itself, below 0.1 in noise alone."""
PERIODIC = 0.6
"""Autocorrelation at the best lag of a frame with a pitch."""
LEAST_LEVEL_SPREAD = 2.7
"""Standard deviation of the level of active frames, dB: 5 and more in speech, 0 to 2 in tones."""
LEAST_SHAPE_SPREAD = 3.5
"""Standard deviation of a band's level against the others, dB: 8 to 10 in speech, 2 in noise."""
LEAST_CHANGE = 2.2
"""Mean change of a band's level against the others from frame to frame, dB: 3 to 5 in speech, below
2 where sounds are sustained."""
MOST_CLIPPED = 0.01
"""Share of samples in runs at the peak: none in clean speech, 0.02 when overdriven by 12 dB."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a recording is like; each figure is explained at its limit above."""

    level: float
    active_seconds: float
    voiced: float
    level_spread: float
    shape_spread: float
    change: float
    clipped: float

    def speech(self) -> bool:
        return (
            self.active_seconds >= LEAST_ACTIVE_SECONDS
            and self.voiced >= LEAST_VOICED
            and self.level_spread >= LEAST_LEVEL_SPREAD
            and self.shape_spread >= LEAST_SHAPE_SPREAD
            and self.change >= LEAST_CHANGE
        )


def check_speech(recording: Recording, field: str) -> None:
    """Raises InvalidInput for `field`: `audio_too_quiet`, `no_speech` or `audio_clipped`."""
    found = examine(recording)
    if found.level < LEAST_LEVEL:
        message = (
            f"The {field} recording is too quiet ({found.level:.0f} dBFS at its loudest, "
            f"at least {LEAST_LEVEL:.0f} is needed). Speak nearer to the microphone or raise it."
        )
        raise InvalidInput(field, message, "audio_too_quiet")
    if not found.speech():
        message = (
            f"No speech was found in the {field} recording. Send one person speaking, "
            "without music and with little noise."
        )
        raise InvalidInput(field, message, "no_speech")
    if found.clipped > MOST_CLIPPED:
        message = (
            f"The {field} recording is overdriven: {100 * found.clipped:.0f} % of it lies at the "
            "limit. Record it again with less gain."
        )
        raise InvalidInput(field, message, "audio_clipped")


def examine(recording: Recording) -> Findings:
    """The figures that `check_speech` decides by; `recording` lasts 0.1 seconds or more."""
    frames = framed(at_rate(recording, RATE))
    levels = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    loudest = float(np.sort(levels)[-_LOUDEST_FRAMES:][0])
    active = levels > loudest - _BELOW_LOUDEST
    spectra = power_spectra(frames)
    shapes = spectral_shapes(spectra)
    neighbours = active[1:] & active[:-1]
    changes = np.abs(np.diff(shapes, axis=0))[neighbours]
    return Findings(
        level=loudest,
        active_seconds=float(active.sum() * HOP / RATE),
        voiced=float(np.mean(periodicity(spectra)[active] > PERIODIC)),
        level_spread=float(levels[active].std()),
        shape_spread=float(shapes[active].std(axis=0).mean()),
        change=float(changes.mean()) if changes.size else 0.0,
        clipped=_clipped(recording.mono()),
    )


def framed(wave: Waveform) -> NDArray[np.float32]:
    """`[frames, samples]`, each without its mean."""
    whole = np.pad(wave, (0, max(0, FRAME - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(whole, FRAME)[::HOP]
    return np.asarray(frames - frames.mean(axis=1, keepdims=True), np.float32)


def power_spectra(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """`[frames, bins]`."""
    spectra: NDArray[np.float64] = np.abs(np.fft.rfft(frames * np.hanning(FRAME), _FFT)) ** 2
    return spectra


def spectral_shapes(spectra: NDArray[np.float64]) -> NDArray[np.float32]:
    """`[frames, bands]` in dB, of which each frame's mean is 0: the spectrum without its level."""
    bins = np.searchsorted(np.fft.rfftfreq(_FFT, 1 / RATE), _BANDS)
    powers = np.add.reduceat(spectra, bins, axis=1)[:, : len(_BANDS) - 1]
    levels = 10 * np.log10(powers + 1e-9)
    return np.asarray(levels - levels.mean(axis=1, keepdims=True), np.float32)


def periodicity(spectra: NDArray[np.float64]) -> NDArray[np.float32]:
    """`[frames]`, about 1 where a frame repeats itself at a lag that a voice could have.

    The autocorrelation, which is the transform of the power spectrum, over that of the window.
    """
    lowest, highest = _PITCH
    lags = slice(round(RATE / highest), round(RATE / lowest) + 1)
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(FRAME), _FFT)) ** 2)
    correlations = np.fft.irfft(spectra)
    powers = np.maximum(correlations[:, :1], 1e-9)
    best = (correlations[:, lags] / powers / (window[lags] / window[0])).max(axis=1)
    return np.asarray(best, np.float32)


def _clipped(wave: Waveform) -> float:
    """Share of samples in runs of three and more within a hundredth of the peak."""
    at_peak = np.abs(wave) >= 0.99 * np.abs(wave).max()
    runs = at_peak[:-2] & at_peak[1:-1] & at_peak[2:]
    return float(runs.mean()) if runs.size else 0.0
