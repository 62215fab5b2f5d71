"""Runs cases and counts what comes of them."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Generic, TypeVar

from pipelines.protocol import InvalidInput

Input = TypeVar("Input", bytes, str)


@dataclass(frozen=True, slots=True)
class Target(Generic[Input]):
    """What is tried: how an input is made, and what comes of it."""

    name: str
    make: Callable[[Random], Input]
    outcome: Callable[[Input], str]
    most_seconds: float
    """Of computing that a case may take."""


@dataclass(slots=True)
class Result:
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    """Seconds of computing."""
    faults: dict[int, str] = field(default_factory=dict)
    """What went wrong, by the number of the case."""

    def add(self, other: Result) -> None:
        self.outcomes += other.outcomes
        self.slowest = max(self.slowest, other.slowest)
        self.faults |= other.faults


def known(refusal: InvalidInput, codes: set[str]) -> str:
    """The code of a refusal, which has to be one of these."""
    assert refusal.code in codes, refusal.code
    return refusal.code


def run(target: Target[Input], cases: range) -> Result:
    result = Result()
    for number in cases:
        made = target.make(Random(f"{target.name} {number}"))
        began = _computing()
        try:
            result.outcomes[target.outcome(made)] += 1
        except Exception as error:  # noqa: BLE001 - to be told with its number
            result.faults[number] = f"{type(error).__name__}: {error} {made[:100]!r}"
        took = _computing() - began
        result.slowest = max(result.slowest, took)
        if took > target.most_seconds:
            result.faults[number] = f"took {took:.1f} s: {made[:100]!r}"
    return result


def _computing() -> float:
    """Seconds of this thread and of processes that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.thread_time() + children.ru_utime + children.ru_stime
