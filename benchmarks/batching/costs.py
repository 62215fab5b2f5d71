"""What a diffusion stage costs in time, as a few coefficients; and a stage that only spends it.

A call over segments of some lengths costs, for each pass of the network that it makes,
`fixed + per_unit · size`, in seconds. How many passes of what size depends on how the model's stage
puts lengths together, its `layout`:

    padded      one pass, of members times the longest
    packed      one pass, of the sum: nothing is padded
    by_length   a pass for each distinct length, of members times it
    each        a pass for each member
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COEFFICIENTS = Path(__file__).with_name("costs.toml")


@dataclass(frozen=True, slots=True)
class Part:
    """One call of a stage: begin, step or finish."""

    layout: str
    fixed: float
    per_unit: float

    def seconds(self, lengths: Sequence[int]) -> float:
        sizes = passes(self.layout, lengths)
        return len(sizes) * self.fixed + sum(sizes) * self.per_unit


def passes(layout: str, lengths: Sequence[int]) -> list[int]:
    """The sizes of the passes over members of these lengths."""
    if layout == "padded":
        return [len(lengths) * max(lengths)]
    if layout == "packed":
        return [sum(lengths)]
    if layout == "by_length":
        return [length * members for length, members in Counter(lengths).items()]
    if layout == "each":
        return list(lengths)
    raise ValueError(f"no layout is called {layout!r}")


@dataclass(frozen=True, slots=True)
class Costs:
    """What a model costs on a device, and the bounds of the loop's batches that suit it."""

    begin: Part
    step: Part
    finish: Part
    max_batch: int
    spread: float
    join_every: int

    def alone(self, length: int, steps: int) -> float:
        """Seconds of one segment without batch mates."""
        one = [length]
        step = self.step.seconds(one)
        return self.begin.seconds(one) + steps * step + self.finish.seconds(one)


def read_costs(name: str) -> Costs:
    """Raises KeyError for a model that is not in `costs.toml`."""
    table = tomllib.loads(COEFFICIENTS.read_text())[name]
    parts = {part: Part(**table[part]) for part in ("begin", "step", "finish")}
    bounds = {bound: table[bound] for bound in ("max_batch", "spread", "join_every")}
    return Costs(**parts, **bounds)


@dataclass(frozen=True, slots=True)
class Work:
    """A segment: what it asks of the stage."""

    length: int
    steps: int


@dataclass(slots=True)
class Progress:
    work: Work
    steps_left: int


class SpentTime:
    """A stage that computes nothing and takes as long as the real one would."""

    def __init__(self, costs: Costs, spend: Callable[[float], None]) -> None:
        self._costs = costs
        self._spend = spend

    def begin(self, segments: Sequence[Any]) -> list[Progress]:
        self._spend(self._costs.begin.seconds([work.length for work in segments]))
        return [Progress(work, work.steps) for work in segments]

    def step(self, states: Sequence[Progress]) -> None:
        self._spend(self._costs.step.seconds([state.work.length for state in states]))
        for state in states:
            state.steps_left -= 1

    def finish(self, states: Sequence[Progress]) -> list[Work]:
        self._spend(self._costs.finish.seconds([state.work.length for state in states]))
        return [state.work for state in states]
