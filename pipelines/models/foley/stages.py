"""The second and third stage: nothing to denoise, then kinds of sound to a waveform. They need no
torch, which takes 150 MB of each process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.audio.joining import LevelNormalizer
from pipelines.models.foley.catalogue import SOUNDS
from pipelines.models.foley.segments import FoleyAcoustic, FoleySegment, Layer
from pipelines.models.foley.synthesis.curves import resampled, shaped_by, tempo
from pipelines.models.foley.synthesis.events import EVENTS, bursts, event_times, tempo_times
from pipelines.models.foley.synthesis.rendering import render
from pipelines.models.foley.synthesis.signals import SAMPLE_RATE, Rng, Wave, samples, swell
from pipelines.models.foley.synthesis.sound import DISTANCE, SPACE, SPEED
from pipelines.protocol import Acoustic, State, Waveform

NAMED_TRAIT, UNNAMED_TRAIT = (0.6, 1.0), (-0.4, 0.4)
"""Ranges of a trait that the description names, and of one that it does not."""
LOUDEST = -16.0
"""dB of full scale: a louder loudest half second would be bent by the soft clipping."""
BURST_EDGE = 0.05
"""Seconds."""


@dataclass(slots=True)
class FoleyState(State):
    segment: FoleySegment


class FoleyDiffusion:
    """The second stage has nothing to do: states have no steps."""

    def begin(self, segments: Sequence[FoleySegment]) -> list[State]:
        return [FoleyState(segment, steps_left=0) for segment in segments]

    def step(self, states: Sequence[State]) -> None:
        raise AssertionError(f"{len(states)} states were stepped that have no steps left")

    def finish(self, states: Sequence[FoleyState]) -> list[Acoustic]:
        segments = [state.segment for state in states]
        return [FoleyAcoustic(it.index, it.seed, it.length, it.layers) for it in segments]


class FoleyVocoder:
    """Computes the samples, all of them from the segment's own seed, at a level in dB of full scale
    that a description may raise or lower."""

    sample_rate = SAMPLE_RATE

    def __init__(self, level: float) -> None:
        self._level = level

    def synthesize(self, acoustics: Sequence[FoleyAcoustic]) -> list[Waveform]:
        return [self._waveform(acoustic) for acoustic in acoustics]

    def _waveform(self, acoustic: FoleyAcoustic) -> Waveform:
        """The layers together, as loud as each other where the description says nothing else."""
        total: Wave = np.zeros(acoustic.length)
        for number, layer in enumerate(acoustic.layers):
            first = round(layer.start * acoustic.length)
            count = min(acoustic.length, round(layer.end * acoustic.length)) - first
            if count > 0:
                rng = np.random.default_rng([acoustic.seed, number])
                gain = 10 ** (layer.level / 20)
                total[first : first + count] += gain * _layer_wave(rng, layer, count)
        raised = max((layer.level for layer in acoustic.layers), default=0.0)
        normalizer = LevelNormalizer(min(LOUDEST, self._level + raised), SAMPLE_RATE)
        return normalizer.add(total.astype(np.float32))


def _layer_wave(rng: Rng, layer: Layer, count: int) -> Wave:
    """`[count]`: one layer with its events and its course."""
    sound, seconds = SOUNDS[layer.kind], count / SAMPLE_RATE
    traits = _traits(rng, layer)
    change = tempo(layer.courses)
    times: list[float] | None = None
    if layer.count is not None:
        times = event_times(rng, layer.kind, layer.count, seconds, layer.traits.get(SPEED, 0))
    elif change is not None and layer.kind in EVENTS:
        times = tempo_times(layer.kind, seconds, change)
    wave = render(rng, sound, seconds, traits, times if layer.kind in EVENTS else None)
    if times is not None and layer.kind not in EVENTS:
        wave = _in_bursts(wave, bursts(times, seconds))
    elif change is not None and times is None:
        wave = resampled(wave, change)
    return shaped_by(wave[:count], layer.courses)


def _in_bursts(wave: Wave, spans: Sequence[tuple[float, float]]) -> Wave:
    """Only the spans of a wave, in seconds."""
    gated = np.zeros_like(wave)
    for start, end in spans:
        span = slice(samples(start), samples(end))
        gated[span] = wave[span] * swell(len(wave[span]), BURST_EDGE, BURST_EDGE)
    return gated


def _traits(rng: Rng, layer: Layer) -> dict[str, float]:
    """Traits that the description names, and small random values for the others.

    Distance and space stay 0 unless they are named.
    """
    traits = {trait: end * rng.uniform(*NAMED_TRAIT) for trait, end in layer.traits.items()}
    for trait in SOUNDS[layer.kind].traits:
        if trait not in (DISTANCE, SPACE):
            traits.setdefault(trait, rng.uniform(*UNNAMED_TRAIT))
    return traits
