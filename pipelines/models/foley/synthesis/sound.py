"""What a kind of sound is: its names, the traits it can have, and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipelines.models.foley.synthesis.signals import SAMPLE_RATE, Rng, Wave

COUNTED_ATTACK = 0.02
SPEED, PITCH, INTENSITY, DISTANCE, SPACE = "speed", "pitch", "intensity", "distance", "space"


@dataclass(frozen=True, slots=True)
class Draw:
    """One sound to be made. Traits are from -1 (slow, low, gentle) to 1 (fast, high, strong)."""

    rng: Rng
    count: int
    """Samples."""
    speed: float = 0.0
    pitch: float = 0.0
    intensity: float = 0.0
    times: Sequence[float] | None = None
    """When the events are, in seconds, where a description counts them."""

    @property
    def seconds(self) -> float:
        return self.count / SAMPLE_RATE

    def any(self, low: float, high: float) -> float:
        """A number between two, whatever the traits."""
        return float(self.rng.uniform(low, high))

    def starts(self, usual: Iterable[float]) -> Iterable[float]:
        """When the events are: those that are counted out, or the usual ones of the kind."""
        return usual if self.times is None else self.times

    def attack(self, usual: float) -> float:
        """Seconds in which an event begins; short where they are counted, so that each is told from
        the next."""
        return usual if self.times is None else min(usual, COUNTED_ATTACK)

    def at_speed(self, slow: float, fast: float) -> float:
        """Between the values at the two ends of a trait, as `between`; the others do the same."""
        return between(self.speed, slow, fast)

    def at_pitch(self, low: float, high: float) -> float:
        return between(self.pitch, low, high)

    def at_intensity(self, gentle: float, strong: float) -> float:
        return between(self.intensity, gentle, strong)


def between(trait: float, low: float, high: float) -> float:
    """The value at a trait from -1 to 1: geometric, `low` at -1, `high` at 1."""
    return float(low * (high / low) ** ((trait + 1) / 2))


@dataclass(frozen=True, slots=True)
class Sound:
    """`phrases` are nouns that adjectives can stand before; `traits` those that it varies in."""

    name: str
    phrases: tuple[str, ...]
    traits: tuple[str, ...]
    render: Callable[[Draw], Wave]
