"""What is asked of a model of sound effects, each as a measurement with a verdict."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.sounds.classifier import Classifier
from benchmarks.sounds.measures import measure_for
from benchmarks.sounds.model import Model
from benchmarks.sounds.prompts import FAR, PROMPTS
from pipelines.audio.joining import LevelNormalizer
from pipelines.models.foley.catalogue import SOUNDS
from pipelines.models.foley.synthesis.sound import DISTANCE, INTENSITY, PITCH, SPACE, SPEED
from pipelines.protocol import Waveform
from pipelines.requests.sound import SAMPLE_RATE
from pipelines.settings import PipelineSettings

SECONDS = 5.12
KINDS_RIGHT = 0.60
TRAITS_RIGHT = 0.80
LEVEL_DECIBELS = 3.0
CPU_SECONDS = 20.0

ENDS = {
    SPEED: ("slow", "fast"),
    PITCH: ("deep", "high-pitched"),
    INTENSITY: ("gentle", "heavy"),
    DISTANCE: ("nearby", "distant"),
    SPACE: ("dry", "echoing"),
}
"""The words that tell the ends of each trait."""


@dataclass(frozen=True, slots=True)
class Verdict:
    gate: str
    asked: str
    found: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Made:
    """A sound that was made for a kind, with its prompt."""

    kind: str
    prompt: str
    wave: Waveform


def sounds(model: Model, kinds: list[str], each: int) -> Iterator[Made]:
    """Sounds for the prompts of some kinds, with a seed of its own each."""
    for kind in kinds:
        for number, prompt in enumerate(PROMPTS[kind][:each]):
            seed = 7 + 100 * list(PROMPTS).index(kind) + number
            yield Made(kind, prompt, model.make(prompt, SECONDS, seed))


def named(classifier: Classifier, made: list[Made]) -> tuple[Verdict, dict[str, str]]:
    """How many are taken for what they should be, and for what the others are taken."""
    right, first_five, wrong = 0, 0, {}
    for sound in made:
        ranked = classifier.ranked(sound.wave)
        right += ranked[0] == sound.kind
        first_five += sound.kind in ranked[:5]
        if ranked[0] != sound.kind:
            wrong[sound.prompt] = f"{sound.kind} → {ranked[0]}"
    share, kinds = right / len(made), len({sound.kind for sound in made})
    verdict = Verdict(
        f"kind named by the classifier, {kinds} kinds, {len(made)} prompts",
        f"≥ {KINDS_RIGHT:.0%}",
        f"{share:.0%} (among the first five {first_five / len(made):.0%})",
        share >= KINDS_RIGHT,
    )
    return verdict, wrong


def traits(model: Model, kinds: list[str], seed: int = 11) -> list[Verdict]:
    """Whether a word in the prompt moves what it should, one pair for each kind and trait."""
    right: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    for kind in kinds:
        for trait in SOUNDS[kind].traits:
            measure = measure_for(kind, trait, SECONDS)
            if measure is None:
                continue
            phrase = SOUNDS[kind].phrases[0]
            low, high = (
                measure(model.make(f"{word} {phrase}", SECONDS, seed)) for word in ENDS[trait]
            )
            pairs[trait] += 1
            right[trait] += high > low
    share = right.total() / max(1, pairs.total())
    by_trait = ", ".join(f"{trait} {right[trait]}/{pairs[trait]}" for trait in pairs)
    return [
        Verdict(
            "a word in the prompt moves its measure",
            f"≥ {TRAITS_RIGHT:.0%}",
            f"{share:.0%} of {pairs.total()} pairs ({by_trait})",
            share >= TRAITS_RIGHT,
        )
    ]


def seeds(model: Model) -> list[Verdict]:
    def made(seed: int) -> Waveform:
        return model.make("A dog barks", SECONDS, seed)

    first, again, other = made(1), made(1), made(2)
    difference = float(np.sqrt(np.mean((first - other) ** 2) / np.mean(first**2)))
    same = bool(np.array_equal(first, again))
    return [
        Verdict("one seed repeats exactly", "equal", "equal" if same else "not equal", same),
        Verdict("two seeds differ", "> 50 % of the level", f"{difference:.0%}", difference > 0.5),
    ]


def levels(made: list[Made], settings: PipelineSettings) -> list[Verdict]:
    meter = LevelNormalizer(settings.sound_level, SAMPLE_RATE)
    found = np.array([meter.level_of(sound.wave) for sound in made])
    far = float(np.abs(found - settings.sound_level).max())
    peak = max(float(np.abs(sound.wave).max()) for sound in made)
    return [
        Verdict(
            f"level, loudest half second, {settings.sound_level:.0f} dBFS set",
            f"± {LEVEL_DECIBELS:.0f} dB",
            f"{found.min():.1f} to {found.max():.1f} dBFS",
            far <= LEVEL_DECIBELS,
        ),
        Verdict("no clipping", "peak < 1", f"{peak:.3f}", peak < 1),
    ]


def cost(model: Model, kinds: list[str]) -> list[Verdict]:
    spent = {}
    for kind in kinds:
        began = time.process_time()
        model.make(SOUNDS[kind].phrases[0], 10.0)
        spent[kind] = time.process_time() - began
    most = max(spent, key=lambda kind: spent[kind])
    text = f"{np.median(list(spent.values())):.2f} CPU-s, at most {spent[most]:.2f} ({most})"
    asked = f"≤ {CPU_SECONDS:.0f} CPU-s"
    return [Verdict("a sound of 10 s", asked, text, spent[most] <= CPU_SECONDS)]


def far(model: Model, classifier: Classifier) -> list[Verdict]:
    """Whether prompts that name no known sound still give one that can be heard."""
    made = {prompt: model.make(prompt, SECONDS) for prompt in FAR}
    heard = all(np.isfinite(wave).all() and wave.std() > 1e-3 for wave in made.values())
    names = ", ".join(classifier.name(wave) for wave in made.values())
    return [Verdict("prompts far from every kind give a sound", "all", names, heard)]
