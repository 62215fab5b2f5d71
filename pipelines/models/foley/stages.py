"""The three stages: a description to kinds of sound, nothing between, kinds to a waveform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.models.foley.files import FoleyFiles
from pipelines.models.foley.phrases import PHRASES, read_phrases
from pipelines.models.foley.segments import FoleyAcoustic, FoleySegment, Layer
from pipelines.models.foley.sentences import SentenceEncoder
from pipelines.models.foley.synthesis.catalogue import SOUNDS
from pipelines.models.foley.synthesis.rendering import render
from pipelines.models.foley.synthesis.signals import SAMPLE_RATE, Rng, Wave, samples
from pipelines.models.foley.synthesis.sound import DISTANCE, SPACE
from pipelines.models.foley.words import clauses, traits_in, without_traits
from pipelines.protocol import Acoustic, Segment, State, Waveform
from pipelines.requests.sound import SoundRequest
from pipelines.runtime.device import configure
from pipelines.settings import PipelineSettings

LEAST_COSINE = 0.65
"""Cosine from which a part of a description is taken for a sound of its own."""
MOST_LAYERS = 3
NAMED_TRAIT, UNNAMED_TRAIT = (0.6, 1.0), (-0.4, 0.4)
"""Ranges of a trait that the description tells, and of one that it does not."""


class FoleyFrontend:
    """The kind whose phrases come nearest; several where parts of the text clearly name others."""

    def __init__(self, files: FoleyFiles, settings: PipelineSettings) -> None:
        """Raises CheckpointError where a file does not fit."""
        self._encode = SentenceEncoder(files.minilm, files.vocabulary, configure(settings))
        self._phrases = read_phrases(files.phrases)

    def prepare(self, requests: Sequence[SoundRequest]) -> list[list[Segment]]:
        """One segment for each request."""
        return [
            [
                FoleySegment(
                    index=0,
                    seed=request.seed,
                    length=samples(request.seconds),
                    layers=self.layers(request.prompt),
                )
            ]
            for request in requests
        ]

    def layers(self, prompt: str) -> tuple[Layer, ...]:
        """The sounds of a description: of its parts, or of the whole where they are not clear."""
        found: dict[str, Layer] = {}
        for part in clauses(prompt):
            kind, cosine = self.nearest(part)
            if cosine >= LEAST_COSINE:
                found.setdefault(kind, Layer(kind, traits_in(part)))
        if len(found) > 1:
            return tuple(found.values())[:MOST_LAYERS]
        kind, _ = self.nearest(prompt)
        return (Layer(kind, traits_in(prompt)),)

    def nearest(self, text: str) -> tuple[str, float]:
        """The kind of the phrase that is nearest to the text, or to what the text is without the
        words that tell traits; and its cosine."""
        cosines = (self._encode([text, without_traits(text)]) @ self._phrases.T).max(axis=0)
        best = int(cosines.argmax())
        return PHRASES[best][1], float(cosines[best])


@dataclass(slots=True)
class FoleyState(State):
    segment: FoleySegment


class FoleyDiffusion:
    """There is none: states have no steps."""

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
    """What is told, more or less so; what is not told varies a little with the seed. Far away and
    in a hall is only what is told to be."""
    traits = {trait: end * rng.uniform(*NAMED_TRAIT) for trait, end in layer.traits.items()}
    for trait in SOUNDS[layer.kind].traits:
        if trait not in (DISTANCE, SPACE):
            traits.setdefault(trait, rng.uniform(*UNNAMED_TRAIT))
    return traits
