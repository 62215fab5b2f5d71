"""The three stages of a pipeline in one process, without a graph, for scripts and measurements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pipelines import registry
from pipelines.protocol import Acoustic, Request, Utterance, Waveform, Word, uttered
from pipelines.settings import PipelineSettings


class BarePipeline:
    """Makes one clip at a time, one segment after the other."""

    def __init__(self, service: str, pipeline: str, settings: PipelineSettings) -> None:
        """Raises WeightsMissing."""
        self._names = (service, pipeline)
        self._settings = settings
        self.frontend = registry.load_frontend(*self._names, settings)
        self._diffusion = registry.load_diffusion(*self._names, settings)
        self._vocoder = registry.load_vocoder(*self._names, settings)
        self.sample_rate = self._vocoder.sample_rate

    def acoustics(self, request: Request) -> Iterator[Acoustic]:
        """What the first two stages make of each segment, in order. Raises InvalidInput."""
        [segments] = self.frontend.prepare([request])
        for segment in segments:
            states = self._diffusion.begin([segment])
            while states[0].steps_left:
                self._diffusion.step(states)
            yield from self._diffusion.finish(states)

    def waveform(self, acoustic: Acoustic) -> Waveform:
        """A segment as the last stage gives it, before it is joined."""
        return self._vocoder.synthesize([acoustic])[0]

    def utterance(self, acoustic: Acoustic) -> Utterance:
        """The same, and when its words are said in it."""
        return uttered(self._vocoder, [acoustic])[0]

    def parts(self, request: Request) -> list[Waveform]:
        """The clip as its joiner gives it: what each segment adds, and what was held back until the
        end. Raises InvalidInput."""
        joiner = registry.joiner(*self._names, self._settings)
        added = [joiner.add(self.waveform(acoustic)) for acoustic in self.acoustics(request)]
        return [*added, joiner.close()]

    def clip_and_words(self, request: Request) -> tuple[Waveform, list[Word]]:
        """The whole clip, and when its words are said, in seconds. Raises InvalidInput."""
        joiner = registry.joiner(*self._names, self._settings)
        added: list[Waveform] = []
        words: list[Word] = []
        length = 0
        for acoustic in self.acoustics(request):
            made = self.utterance(acoustic)
            added.append(joiner.add(made.waveform))
            length += len(added[-1])
            start = (length - len(made.waveform)) / self.sample_rate
            words += (replace(w, start=start + w.start, stop=start + w.stop) for w in made.words)
        return np.concatenate([*added, joiner.close()]), words

    def clip(self, request: Request) -> Waveform:
        """The whole clip, `[samples]` at `sample_rate`. Raises InvalidInput."""
        return np.concatenate(self.parts(request))
