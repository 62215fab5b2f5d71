"""The first stage: a description to kinds of sound on a time line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.models.foley.catalogue import SOUNDS
from pipelines.models.foley.files import FoleyFiles
from pipelines.models.foley.phrases import PHRASES, read_phrases
from pipelines.models.foley.reading.descriptions import (
    Description,
    Part,
    Step,
    one_step,
    understand,
)
from pipelines.models.foley.reading.orders import inverted
from pipelines.models.foley.segments import FoleySegment, Layer
from pipelines.models.foley.sentences import SentenceEncoder
from pipelines.models.foley.synthesis.events import events_of, in_sequence
from pipelines.models.foley.synthesis.signals import samples
from pipelines.models.foley.synthesis.sound import DISTANCE, SPEED
from pipelines.models.foley.timeline import Scene, joined, on_time_line
from pipelines.models.foley.words import traits_in, without_traits
from pipelines.protocol import InvalidInput, Segment
from pipelines.requests.sound import SoundRequest
from pipelines.runtime.device import configure
from pipelines.settings import PipelineSettings

LEAST_COSINE = 0.65
"""Least cosine at which a part of a description counts as a sound of its own."""
STEP_COSINE = 0.42
"""The same for a step that a word such as "then" sets apart."""
WEAK_STEP_COSINE = 0.65
"""The same beside "before" and "after", which may tell a time instead of an order."""
NEGATED_COSINE = 0.5
"""Least cosine at which a kind is kept out by what a description negates."""
NAMED_COSINE = 0.8
"""From here, a text names a kind by its own name."""
NEAR_COSINE = 0.52
"""Below, a clip's note says that no kind is near the description."""
SURE_COSINE = 0.60
"""The same where the description has no word of the kind's names."""
MOST_LAYERS = 3
"""At a time."""
MOST_STEPS = 6
_LISTED = re.compile(r"[,.;]")
_WORD = re.compile(r"[a-z]{3,}")
_WITHOUT_MEANING = frozenset({"the", "and", "with", "from", "being", "someone", "person", "sound"})
DISTANT_LEVEL = -6.0
"""dB of what is far away beside what is not."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What is heard of a description. `similarity` is that of its best part: a cosine."""

    layers: tuple[Layer, ...]
    similarity: float
    note: str = ""
    """What the listener should know, a sentence or nothing."""


class FoleyFrontend:
    """A description to its nearest kind of sound, or to several if its parts clearly name them."""

    def __init__(self, files: FoleyFiles, settings: PipelineSettings) -> None:
        """Raises CheckpointError where a file does not fit."""
        self._encode = SentenceEncoder(files.minilm, files.vocabulary, configure(settings))
        self._phrases = read_phrases(files.phrases)
        self._least = settings.sound_similarity

    def prepare(self, requests: Sequence[SoundRequest]) -> list[list[Segment]]:
        """One segment for each request. Raises InvalidInput where no kind is as near as the
        settings ask."""
        return [[self._segment(request)] for request in requests]

    def _segment(self, request: SoundRequest) -> FoleySegment:
        understood = self.understood(request.prompt, request.seconds)
        if understood.similarity < self._least:
            message = f"{understood.note} The service asks for {self._least:.2f}."
            raise InvalidInput("prompt", message.strip(), "unknown_sound")
        return FoleySegment(
            index=0,
            seed=request.seed,
            length=samples(request.seconds),
            layers=understood.layers,
            note=understood.note,
            sounds=tuple(dict.fromkeys(layer.kind for layer in understood.layers)),
        )

    def layers(self, prompt: str, seconds: float = 10.0) -> tuple[Layer, ...]:
        """The sounds of a description in a clip of some seconds."""
        return self.understood(prompt, seconds).layers

    def understood(self, prompt: str, seconds: float) -> Understood:
        """The sounds of a description: one or more at a time, in its order."""
        description = understand(prompt)
        unwanted = self._unwanted(description)
        heard, unheard, behind = [], [], []
        for step in self._ordered(description.steps, unwanted)[:MOST_STEPS]:
            layers, similarity = self._layers(step, unwanted)
            if step.parts and len(description.steps) > 1 and similarity < STEP_COSINE:
                unheard.append(step)
                continue
            behind += [layer for layer, part in layers if part.throughout]
            rest = [(layer, part) for layer, part in layers if not part.throughout]
            if rest or not step.parts:
                heard += [(scene, similarity) for scene in _scenes(rest, step.seconds)]
        if not any(scene.layers for scene, _ in heard) and not behind:
            return self._of_whole(prompt, unwanted)
        scenes = joined([scene for scene, _ in heard])
        if behind and len(scenes) == 1 and all(layer.count for layer in scenes[0].layers):
            scenes.insert(0, Scene(()))  # what goes on behind is heard before
        together = (*behind, *(on_time_line(scenes, seconds) if scenes else ()))
        similarity = max((it for scene, it in heard if scene.layers), default=1.0)
        note = _note(similarity, together[0].kind, prompt)
        for step in unheard:
            note += f' No kind of sound is near "{step.raw}", which is left out.'
        return Understood(together, similarity, note.strip())

    def _of_whole(self, prompt: str, unwanted: frozenset[str]) -> Understood:
        kind, similarity = self.nearest(prompt, unwanted)
        return Understood(
            (Layer(kind, traits_in(prompt)),), similarity, _note(similarity, kind, prompt)
        )

    def _ordered(self, steps: Sequence[Step], unwanted: frozenset[str]) -> list[Step]:
        """The steps, those of the form "X before Y" in two where both are sounds."""
        ordered: list[Step] = []
        *before, last = steps
        for step in (*self._listed(before, unwanted), last):
            halves = inverted(step.raw)
            pair = [one_step(half) for half in halves] if halves else []
            if pair and all(
                half.parts and self._layers(half, unwanted)[1] >= WEAK_STEP_COSINE for half in pair
            ):
                ordered += pair
            else:
                ordered.append(step)
        return ordered

    def _listed(self, steps: Iterable[Step], unwanted: frozenset[str]) -> Iterator[Step]:
        """Steps before the last, of which marks make a list: "a knock, a creak, then a shot"."""
        for step in steps:
            listed = [one_step(piece) for piece in _LISTED.split(step.raw)]
            sounds = all(
                it.parts and self._layers(it, unwanted)[1] >= LEAST_COSINE for it in listed
            )
            yield from listed if len(listed) > 1 and sounds else [step]

    def _layers(
        self, step: Step, unwanted: frozenset[str]
    ) -> tuple[list[tuple[Layer, Part]], float]:
        """The layers of a step, each with its part, and the cosine of the best: one layer for each
        clear part, or one for the whole."""
        if not step.parts:
            return [], 1.0
        nearest = [(part, *self.nearest(part.text, unwanted)) for part in step.parts]
        found: dict[str, tuple[Part, float]] = {}
        for part, kind, cosine in nearest:
            if cosine >= LEAST_COSINE:
                first, best = found.get(kind, (part, cosine))
                found[kind] = first, max(best, cosine)
        for part, kind, cosine in nearest:
            if part.count and cosine >= STEP_COSINE and kind in found:  # "sonar, three pings"
                first, best = found[kind]
                found[kind] = replace(first, count=first.count or part.count), best
        if len(found) < 2:
            kind, cosine = self.nearest(step.whole.text, unwanted)
            whole = step.whole
            for clear, (part, better) in found.items():
                if better > cosine:
                    kind, cosine = clear, better
                    whole = replace(whole, count=part.count, many=part.many, sources=part.sources)
            found = {kind: (whole, cosine)}
        chosen = list(found.items())[:MOST_LAYERS]
        layers = [(_layer(kind, part, alone=len(chosen) == 1), part) for kind, (part, _) in chosen]
        return layers, max(cosine for _, (_, cosine) in chosen)

    def _unwanted(self, description: Description) -> frozenset[str]:
        """The kinds that a description negates. What is also asked for must be negated by its own
        name: "a fireplace with no crackling" is still a fire."""
        negated = [self.nearest(text) for text in description.negated if text.strip()]
        kinds = {kind: cosine for kind, cosine in negated if cosine >= NEGATED_COSINE}
        asked = {self.nearest(step.whole.text)[0] for step in description.steps if kinds}
        return frozenset(
            kind for kind, cosine in kinds.items() if kind not in asked or cosine >= NAMED_COSINE
        )

    def nearest(self, text: str, unwanted: frozenset[str] = frozenset()) -> tuple[str, float]:
        """The kind of the nearest phrase, and its cosine; not one of those that are unwanted.

        The text is compared as it is and without the words that name traits.
        """
        cosines = (self._encode([text, without_traits(text)]) @ self._phrases.T).max(axis=0)
        if unwanted:
            allowed = np.array([kind not in unwanted for _, kind in PHRASES])
            cosines = np.where(allowed, cosines, -1.0)
        best = int(cosines.argmax())
        return PHRASES[best][1], float(cosines[best])


def _scenes(layers: Sequence[tuple[Layer, Part]], seconds: float | None) -> list[Scene]:
    """Events come one after the other where some are counted or the text tells them ("someone
    knocks, a door creaks"), unless a word such as "while" puts them together; all else sounds
    together."""
    events = all(in_sequence(layer.kind) and not part.beside for layer, part in layers)
    counted = any(layer.count for layer, _ in layers)
    tells = [part.tells for _, part in layers]
    if len(layers) > 1 and events and (counted or (any(tells) and False not in tells)):
        return [Scene((layer,)) for layer, _ in layers]
    return [Scene(tuple(layer for layer, _ in layers), seconds)]


def _layer(kind: str, part: Part, alone: bool) -> Layer:
    traits = traits_in(part.text)
    count = part.count
    if count is None and events_of(kind).once:
        single = None if part.many or SPEED in traits else 1
        count = part.sources or single
    level = part.level
    if not alone and traits.get(DISTANCE, 0) > 0:
        level += DISTANT_LEVEL
    return Layer(kind, traits, count, part.courses, level)


def _note(similarity: float, kind: str, prompt: str) -> str:
    if similarity >= SURE_COSINE or (similarity >= NEAR_COSINE and _names(prompt, kind)):
        return ""
    return (
        "No kind of sound is near the description: "
        f'"{kind}" is the nearest (similarity {similarity:.2f}).'
    )


def _names(prompt: str, kind: str) -> bool:
    """Whether a word of a prompt begins like a word of the kind's names."""
    names = {word[:4] for phrase in SOUNDS[kind].phrases for word in _words(phrase)}
    return any(word[:4] in names for word in _words(prompt))


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in _WITHOUT_MEANING]
