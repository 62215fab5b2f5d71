"""Captions in many phrasings, which tell what a sound is and some of what it is like."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.training.sound_synthesis.signals import Rng
from pipelines.training.sound_synthesis.sound import (
    DISTANCE,
    INTENSITY,
    PITCH,
    SPACE,
    SPEED,
    Sound,
)

TOLD = 0.85
"""How often a caption tells a trait that is marked."""
MARKED = {SPEED: 0.35, PITCH: 0.35, INTENSITY: 0.35, DISTANCE: 0.25, SPACE: 0.25}
"""How far from the middle a trait is marked enough to be told."""

BEFORE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    SPEED: (("slow", "unhurried", "leisurely"), ("fast", "quick", "rapid", "hurried")),
    PITCH: (("deep", "low-pitched", "low"), ("high-pitched", "high", "shrill")),
    INTENSITY: (("gentle", "light", "soft", "weak"), ("heavy", "strong", "intense", "violent")),
    DISTANCE: (("close-up", "nearby"), ("distant", "faraway", "muffled")),
    SPACE: (("dry",), ("echoing", "reverberant")),
}
"""Words to stand before a sound, for the low and the high end of each trait."""

AFTER: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    SPEED: (("slowly", "at a slow pace"), ("quickly", "at a fast pace", "very fast")),
    PITCH: (("with a low pitch", "very deep"), ("with a high pitch", "very high")),
    INTENSITY: (("very gentle", "quite soft"), ("very strong", "with great force")),
    DISTANCE: (("right next to you", "up close"), ("in the distance", "far away", "from afar")),
    SPACE: (("in a small dry room",), ("in a large hall", "with a lot of echo", "in a big room")),
}

FRAMES = (
    "{}",
    "{}",
    "{}",
    "{}",
    "the sound of {}",
    "sound of {}",
    "a recording of {}",
    "{} sound effect",
    "I hear {}",
    "there is {}",
    "noise of {}",
    "audio of {}",
)


def caption(rng: Rng, sound: Sound, traits: Mapping[str, float]) -> str:
    """One of very many: a phrase, up to three traits before and after it, a frame round it."""
    words = str(rng.choice(sound.phrases))
    trailing = []
    for trait in rng.permutation(list(traits)):
        value = traits[str(trait)]
        if abs(value) < MARKED[str(trait)] or rng.random() > TOLD:
            continue
        end = int(value > 0)
        if rng.random() < 0.65:
            words = f"{rng.choice(BEFORE[str(trait)][end])} {words}"
        else:
            trailing.append(str(rng.choice(AFTER[str(trait)][end])))
    phrase = ", ".join([words, *trailing]) if rng.random() < 0.5 else " ".join([words, *trailing])
    text = str(rng.choice(FRAMES)).format(phrase)
    if rng.random() < 0.5:
        text = text[0].upper() + text[1:]
    return text + "." * int(rng.random() < 0.3)
