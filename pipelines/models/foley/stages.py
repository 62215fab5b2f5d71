"""The second and third stage: nothing to denoise, then kinds of sound to a waveform. They need no
torch, which takes 150 MB of each process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.models.foley.segments import FoleyAcoustic, FoleySegment, Layer
from pipelines.models.foley.synthesis.catalogue import SOUNDS
from pipelines.models.foley.synthesis.rendering import render
from pipelines.models.foley.synthesis.signals import SAMPLE_RATE, Rng, Wave
from pipelines.models.foley.synthesis.sound import DISTANCE, SPACE
from pipelines.protocol import Acoustic, State, Waveform

NAMED_TRAIT, UNNAMED_TRAIT = (0.6, 1.0), (-0.4, 0.4)
"""Ranges of a trait that the description names, and of one that it does not."""


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
    """Computes the samples, all of them from the segment's own seed."""

    sample_rate = SAMPLE_RATE

    def synthesize(self, acoustics: Sequence[FoleyAcoustic]) -> list[Waveform]:
        return [_waveform(acoustic) for acoustic in acoustics]


def _waveform(acoustic: FoleyAcoustic) -> Waveform:
    """The layers together, as loud as each other."""
    seconds = acoustic.length / SAMPLE_RATE
    total: Wave = np.zeros(acoustic.length)
    for number, layer in enumerate(acoustic.layers):
        rng = np.random.default_rng([acoustic.seed, number])
        sound = SOUNDS[layer.kind]
        total += render(rng, sound, seconds, _traits(rng, layer))
    return total.astype(np.float32)


def _traits(rng: Rng, layer: Layer) -> dict[str, float]:
    """Traits that the description names, and small random values for the others.

    Distance and space stay 0 unless they are named.
    """
    traits = {trait: end * rng.uniform(*NAMED_TRAIT) for trait, end in layer.traits.items()}
    for trait in SOUNDS[layer.kind].traits:
        if trait not in (DISTANCE, SPACE):
            traits.setdefault(trait, rng.uniform(*UNNAMED_TRAIT))
    return traits
