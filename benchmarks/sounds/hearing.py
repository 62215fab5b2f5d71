"""What is heard in a waveform: when events begin, how loud it is when, which kind sounds when."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.sounds.mel import MEL, sound_mel
from pipelines.models.foley.catalogue import SOUNDS
from pipelines.models.foley.synthesis.rendering import render
from pipelines.models.foley.synthesis.signals import SAMPLE_RATE

Floats = NDArray[np.float64]
Samples = NDArray[np.floating]

FRAMES_A_SECOND = SAMPLE_RATE / MEL.hop
APART_SECONDS = 0.2
"""Two rises that are closer belong to one event."""
RISE = 0.3
"""Of the largest rise: what counts as an event."""
QUIET = 1e-4
TEACHING_SEED = 5_000_000
WINDOW_SECONDS = 1.0


def onsets(wave: Samples) -> Floats:
    """When events begin, in seconds: rises of the loudness (power to 0.3, summed over bands) within
    50 ms."""
    loud = 10 ** (0.6 * sound_mel(wave).double().numpy()) - 10 ** (0.6 * -5)
    level = np.concatenate([np.zeros(3), loud.sum(axis=0)])
    rise = np.maximum(0, level[3:] - level[:-3])
    apart = round(APART_SECONDS * FRAMES_A_SECOND)
    highest = [rise[i] == rise[max(0, i - apart) : i + apart + 1].max() for i in range(len(rise))]
    strong = rise > RISE * rise.max()
    return np.flatnonzero(np.array(highest) & strong) / FRAMES_A_SECOND


def levels(wave: Samples, parts: int) -> Floats:
    """dB of full scale of equal parts of the time."""
    pieces = np.array_split(np.asarray(wave, np.float64), parts)
    return np.array([20 * np.log10(np.sqrt(np.mean(piece**2)) + 1e-7) for piece in pieces])


class Listener:
    """Names the kind of a window of sound: linear discriminant analysis of what the mel bands do.

    It learns from sounds of the same rules with other seeds, so it tells which kind was made and
    not how real it sounds.
    """

    def __init__(self, kinds: Sequence[str], each: int = 8, seconds: float = 4.0) -> None:
        self.kinds = list(kinds)
        rows, labels = [], []
        for label, kind in enumerate(self.kinds):
            for number in range(each):
                rng = np.random.default_rng([TEACHING_SEED, number])
                traits = {trait: rng.uniform(-0.8, 0.8) for trait in SOUNDS[kind].traits}
                traits = {
                    trait: min(end, 0.0) if trait in _ROOM else end for trait, end in traits.items()
                }
                for window in seconds_heard(render(rng, SOUNDS[kind], seconds, traits)):
                    rows.append(_features(window))
                    labels.append(label)
        features, of = np.array(rows), np.array(labels)
        self._scale = features.std(axis=0) + 1e-3
        features = features / self._scale
        means = np.array([features[of == label].mean(axis=0) for label in range(len(self.kinds))])
        within = features - means[of]
        covariance = within.T @ within / len(within) + 0.3 * np.eye(features.shape[1])
        self._weights = np.linalg.solve(covariance, means.T)
        self._offsets = -0.5 * np.sum(means.T * self._weights, axis=0)

    def named(self, wave: Samples, among: Sequence[str] | None = None) -> list[str]:
        """The kind of each second that is not silent."""
        chosen = [self.kinds.index(kind) for kind in among or self.kinds]
        names = []
        for window in seconds_heard(wave):
            scores = (_features(window) / self._scale) @ self._weights + self._offsets
            names.append(self.kinds[chosen[int(np.argmax(scores[chosen]))]])
        return names


_ROOM = ("distance", "space")


def seconds_heard(wave: Samples) -> list[Samples]:
    """Windows of a second, at half steps, that can be heard."""
    size = round(WINDOW_SECONDS * SAMPLE_RATE)
    starts = range(0, max(1, len(wave) - size + 1), size // 2)
    windows = [np.asarray(wave[start : start + size]) for start in starts]
    loudest = max(float(np.sqrt(np.mean(window**2))) for window in windows)
    return [window for window in windows if np.sqrt(np.mean(window**2)) > max(QUIET, 0.1 * loudest)]


def _features(wave: Samples) -> Floats:
    """`[320]`, whatever the level: mean, peak, spread and flux of each mel band."""
    mel = sound_mel(wave / (np.sqrt(np.mean(wave**2)) + 1e-9)).double().numpy()
    flux = np.abs(np.diff(mel, axis=1)).mean(axis=1)
    return np.concatenate([mel.mean(axis=1), np.quantile(mel, 0.95, axis=1), mel.std(axis=1), flux])
