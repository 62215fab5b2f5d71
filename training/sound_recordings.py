"""Recordings of some kinds of sound: the CC0 samples of Sonic Pi, arranged in time.

Debian's package `sonic-pi-samples` has them; without the folder there are none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr

from pipelines.models.foley.synthesis.signals import SAMPLE_RATE, Rng, Wave, beats, placed, samples
from pipelines.models.foley.synthesis.sound import between

FILES: dict[str, tuple[str, ...]] = {
    "kick": ("bd_*", "drum_bass_*", "drum_heavy_kick"),
    "snare": ("sn_*", "drum_snare_*"),
    "cymbal": ("drum_cymbal_hard", "drum_cymbal_soft", "drum_splash_*", "drum_cymbal_open"),
    "hi_hat": ("drum_cymbal_closed", "drum_cymbal_pedal"),
    "tom": ("drum_tom_*", "tabla_*"),
    "drum_roll": ("drum_roll",),
    "crow": ("misc_crow",),
    "static": ("vinyl_hiss",),
    "hand_bell": ("perc_bell", "elec_bell", "elec_triangle"),
    "whoosh": ("perc_swash", "perc_swoosh", "ambi_swoosh"),
    "robot": ("mehackit_robot*", "elec_blip*", "elec_beep"),
    "guitar": ("guit_harmonics", "guit_e_fifths", "guit_em9"),
    "drone": ("ambi_drone", "ambi_haunted_hum", "ambi_soft_buzz"),
}
"""Which samples are of which kind, as patterns of their names."""

RATES = {"cymbal": (0.3, 0.8), "guitar": (0.2, 0.5), "drone": (0.1, 0.2), "static": (0.2, 0.4)}
"""Strokes a second, slow and fast, where they differ from the usual."""
USUAL_RATE = (0.8, 4.0)


class Recordings:
    """The samples of each kind, read once."""

    def __init__(self, folder: Path | None) -> None:
        self._waves: dict[str, list[Wave]] = {}
        if folder:
            for kind, patterns in FILES.items():
                paths = [path for each in patterns for path in sorted(folder.glob(f"{each}.flac"))]
                self._waves[kind] = [_read(path) for path in paths]

    def __contains__(self, kind: str) -> bool:
        return bool(self._waves.get(kind))

    def struck(self, rng: Rng, kind: str, seconds: float) -> tuple[Wave, float]:
        """One sample struck again and again, a little higher or lower; and how fast, -1 to 1."""
        wave = self._waves[kind][int(rng.integers(len(self._waves[kind])))]
        stroke = _faster(wave, between(float(rng.uniform(-1, 1)), 0.85, 1.18))
        speed = float(rng.uniform(-1, 1))
        rate = between(speed, *RATES.get(kind, USUAL_RATE))
        strokes = [(time, stroke * rng.uniform(0.8, 1)) for time in beats(rng, seconds, rate)]
        return placed(samples(seconds), strokes), speed


def _read(path: Path) -> Wave:
    """Mono at 16 kHz."""
    wave, rate = soundfile.read(path, always_2d=True)
    mono: Wave = soxr.resample(wave.mean(axis=1), rate, SAMPLE_RATE)
    return mono


def _faster(wave: Wave, factor: float) -> Wave:
    """Played faster, and so higher."""
    played: Wave = np.interp(np.arange(0, len(wave) - 1, factor), np.arange(len(wave)), wave)
    return played
