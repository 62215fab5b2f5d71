"""Recorded arrivals: who asks when for what, the same for every way of batching. Seeded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from benchmarks.batching.costs import Work

USERS = 12
"""The first asks for as much as all the others together."""
BURST = 12
"""Clips of a burst, on average; they come at the same moment."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What one user asks for at one moment: segments in order."""

    arrival: float
    user: str
    segments: tuple[Work, ...]


@dataclass(frozen=True, slots=True)
class Mix:
    """What clips of a service are like: lengths of their segments, how many, and steps."""

    shortest: int
    longest: int
    multiple: int
    segments: tuple[int, ...]
    steps: tuple[int, ...]

    def draw(self, random: Random) -> tuple[Work, ...]:
        """Short segments are the more frequent: lengths are uniform on a logarithmic scale. All
        but the last segment of a clip are of one length; steps are the clip's."""
        steps, count = random.choice(self.steps), random.choice(self.segments)
        length = self.shortest * (self.longest / self.shortest) ** random.random()
        last = max(self.shortest, length * random.random()) if count > 1 else length
        lengths = [length] * (count - 1) + [last]
        return tuple(Work(self._round(each), steps) for each in lengths)

    def _round(self, length: float) -> int:
        return self.multiple * max(1, round(length / self.multiple))


MIXES = {
    # Frames of reference and window together (86 a second): 3 to 25 s.
    "seedvc": Mix(260, 2150, 1, (1, 1, 2, 4), (10, 25, 25, 50)),
    # Columns of the latent (8 a second): 1 to 10 s.
    "make-an-audio": Mix(8, 80, 4, (1,), (25, 50, 100, 100)),
    # Tokens of a chunk.
    "styletts2": Mix(20, 130, 1, (1, 2, 4, 8), (4, 4, 9, 19)),
}


def trace(mix: Mix, clips: int, per_second: float, bursty: bool, seed: int) -> list[Clip]:
    """`clips` clips at `per_second` on average: alone at random, or in bursts."""
    random = Random(seed)
    times = _bursts(random, per_second) if bursty else _poisson(random, per_second)
    return [Clip(next(times), _user(random), mix.draw(random)) for _ in range(clips)]


def _user(random: Random) -> str:
    return f"user {random.randrange(1, USERS) if random.random() < 0.5 else 0}"


def _poisson(random: Random, per_second: float) -> Iterator[float]:
    now = 0.0
    while True:
        now += random.expovariate(per_second)
        yield now


def _bursts(random: Random, per_second: float) -> Iterator[float]:
    """Bursts at random moments, of 1 to 23 clips at once."""
    start = 0.0
    while True:
        clips = random.randint(1, 2 * BURST - 1)
        start += random.expovariate(per_second / BURST)
        yield from (start for _ in range(clips))
