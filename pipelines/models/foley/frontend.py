"""The first stage: a description to kinds of sound."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.models.foley.files import FoleyFiles
from pipelines.models.foley.phrases import PHRASES, read_phrases
from pipelines.models.foley.segments import FoleySegment, Layer
from pipelines.models.foley.sentences import SentenceEncoder
from pipelines.models.foley.synthesis.signals import samples
from pipelines.models.foley.words import clauses, traits_in, without_traits
from pipelines.protocol import Segment
from pipelines.requests.sound import SoundRequest
from pipelines.runtime.device import configure
from pipelines.settings import PipelineSettings

LEAST_COSINE = 0.65
"""Least cosine at which a part of a description counts as a sound of its own."""
MOST_LAYERS = 3


class FoleyFrontend:
    """A description to its nearest kind of sound, or to several if its parts clearly name them."""

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
        """The sounds of a description: one for each clear part, or one for the whole."""
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
        """The kind of the nearest phrase, and its cosine.

        The text is compared as it is and without the words that name traits.
        """
        cosines = (self._encode([text, without_traits(text)]) @ self._phrases.T).max(axis=0)
        best = int(cosines.argmax())
        return PHRASES[best][1], float(cosines[best])
