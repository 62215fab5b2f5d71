"""Numbers that tell what a sound is like, for traits that a prompt names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.sounds.mel import MEL, sound_mel
from pipelines.models.foley.catalogue import SOUNDS
from pipelines.models.foley.synthesis.rendering import render
from pipelines.models.foley.synthesis.signals import SAMPLE_RATE
from pipelines.models.foley.synthesis.sound import DISTANCE, INTENSITY, PITCH, SPACE, SPEED, Sound

Waveform = NDArray[np.floating]

CALIBRATION = 3_000_000
"""Seed of the sounds that tell which measure is right."""


def centre(wave: Waveform) -> float:
    """The mean of log2 frequency (Hz) over the power spectrum."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    frequencies = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)
    heard = frequencies > 30
    return float(np.average(np.log2(frequencies[heard]), weights=power[heard] + 1e-12))


def onsets(wave: Waveform) -> float:
    """How fast the level goes up and down: the mean rate (Hz) of its modulation from 0.5 Hz on."""
    mel = sound_mel(wave).clamp(min=-3)
    flux = mel.diff(dim=1).clamp(min=0).mean(dim=0).numpy()
    spectrum = np.abs(np.fft.rfft(flux - flux.mean())) ** 2
    rates = np.fft.rfftfreq(len(flux), MEL.hop / SAMPLE_RATE)
    heard = rates >= 0.5
    return float(np.average(rates[heard], weights=spectrum[heard] + 1e-12))


def peaks(wave: Waveform) -> float:
    """Events a second: rises of the level that no other rise within 40 ms exceeds."""
    mel = sound_mel(wave).clamp(min=-3)
    flux = mel.diff(dim=1).clamp(min=0).mean(dim=0).numpy()
    highest = np.array([flux[max(0, i - 3) : i + 4].max() for i in range(len(flux))])
    strong = flux > 0.3 * np.quantile(flux, 0.99)
    return float(np.sum((flux == highest) & strong) * SAMPLE_RATE / len(wave))


def brightness(wave: Waveform) -> float:
    """The share of the energy above 2 kHz, in dB."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    high = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE) > 2000
    return float(10 * np.log10((power[high].sum() + 1e-9) / (power.sum() + 1e-9)))


def density(wave: Waveform) -> float:
    """How full the time is: the median level below the loudest, in dB."""
    frames = wave[: len(wave) // 512 * 512].reshape(-1, 512)
    level = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-9)
    return float(np.median(level) - level.max())


def dullness(wave: Waveform) -> float:
    return -brightness(wave)


MEASURES: dict[str, tuple[Callable[[Waveform], float], ...]] = {
    SPEED: (peaks, onsets, centre),
    PITCH: (centre,),
    DISTANCE: (dullness, density),
    SPACE: (density,),
    INTENSITY: (centre, brightness, peaks, density),
}
"""What may go up with each trait; which of them does depends on the kind of sound."""


def measure_for(
    kind: str, trait: str, seconds: float, pairs: int = 4
) -> Callable[[Waveform], float] | None:
    """The first measure that orders sounds of this kind which were made by rule, if any does."""
    sound = SOUNDS[kind]
    for measure in MEASURES[trait]:
        ordered = True
        for number in range(pairs):
            ends = ({**_plain(sound), trait: end} for end in (-0.8, 0.8))
            low, high = (
                measure(render(np.random.default_rng([CALIBRATION, number]), sound, seconds, end))
                for end in ends
            )
            ordered = ordered and high > low
        if ordered:
            return measure
    return None


def _plain(sound: Sound) -> dict[str, float]:
    """All traits in the middle, near by and in no hall."""
    return {trait: -1.0 if trait in (DISTANCE, SPACE) else 0.0 for trait in sound.traits}
