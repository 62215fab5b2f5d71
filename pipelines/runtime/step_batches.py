"""Batches that stay together over many steps of a sampler.

What a step needs besides the states (conditions, schedules, where which row lies) changes only when
a state joins or leaves. It is brought to the device then, once, so that a step itself copies
nothing and waits for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar


class StepBatch:
    """What some states share while they are stepped together, for at most `steps` steps."""

    def __init__(self, members: int, steps: int) -> None:
        self.members = members
        self.steps = steps
        self.taken = 0

    def next(self) -> int:
        """The number of the step that is taken now."""
        self.taken += 1
        return self.taken - 1


class Stepped(Protocol):
    """A state that knows its batch; the batch knows no state, so that both go with the states."""

    batch: Any
    """The `StepBatch` that the state was stepped in last, or None."""
    place: int
    """Which member of it."""


S = TypeVar("S", bound=Stepped)
B = TypeVar("B", bound=StepBatch)


def batch_of(states: Sequence[S], build: Callable[[Sequence[S]], B]) -> B:
    """The batch of these states in this order: that of their last step, or one that `build` makes
    where another state was in it or is now."""
    batch: B | None = states[0].batch
    if (
        batch is not None
        and batch.taken < batch.steps
        and batch.members == len(states)
        and all(state.batch is batch and state.place == i for i, state in enumerate(states))
    ):
        return batch
    batch = build(states)
    for place, state in enumerate(states):
        state.batch, state.place = batch, place
    return batch
