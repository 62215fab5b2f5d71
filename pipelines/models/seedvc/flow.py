"""Flow matching (Lipman et al., 2023): Euler steps from noise to mel frames, with guidance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.models.seedvc.flow_buckets import Filling
from pipelines.protocol import State
from pipelines.runtime.sequence_packing import Packing
from pipelines.runtime.step_batches import StepBatch
from pipelines.runtime.transfer import to_device

Estimate = Callable[[Tensor, Tensor, Tensor, Packing], Tensor]
"""What a `VelocityEstimator` does, in float32."""
NOTHING = Filling((), 0)


@dataclass(slots=True)
class Flow(State):
    """A window between noise and mel.

    `x` `[frames, bands]` and `condition` `[frames, width]` begin with the `prompt` frames of the
    reference, where `x` stays zero. `steps` counts the Euler steps from noise to mel, of equal
    size in time. `gate` is handed on.
    """

    x: Tensor
    condition: Tensor
    prompt: int
    steps: int
    guidance: float
    gate: NDArray[np.float32] | None = None
    batch: FlowBatch | None = None
    place: int = 0

    @property
    def guided(self) -> bool:
        return self.guidance > 0.0

    def times(self, steps: int) -> list[float]:
        """Of the next `steps` steps."""
        done = self.steps - self.steps_left
        return [(done + step) / self.steps for step in range(steps)]


class FlowBatch(StepBatch):
    """Flows one after another in one tensor, wherever in its own schedule each stands.

    The estimator runs over the conditional and (where a flow is guided) the unconditional half of
    each, all in one pass; flows of equal length are neighbours there.
    """

    def __init__(
        self,
        flows: Sequence[Flow],
        null: Tensor,
        fill: Callable[[Sequence[int]], Filling] = lambda _: NOTHING,
    ) -> None:
        """`null` `[1, width]` is the condition of the unconditional halves. `fill` is asked what to
        add to sequences of some lengths."""
        super().__init__(len(flows), min(flow.steps_left for flow in flows))
        device = null.device
        self._order = sorted(range(len(flows)), key=lambda place: len(flows[place].x))
        ordered = [flows[place] for place in self._order]
        halves = [(flow, yes) for flow in ordered for yes in (True, False)[: 1 + flow.guided]]
        self._lengths = [len(flow.x) for flow in ordered]
        lengths = tuple(len(flow.x) for flow, _ in halves)
        filled = fill(lengths)
        self._packing = Packing((*lengths, *filled.added), device, filled.longest)
        self._x = torch.cat([flow.x for flow in ordered])
        conditions = [
            flow.condition if yes else null.expand_as(flow.condition) for flow, yes in halves
        ]
        self._conditions = torch.cat([*conditions, null.expand(sum(filled.added), -1)])
        times = np.zeros((self.steps, self._packing.count), np.float32)
        times[:, : len(halves)] = np.transpose([flow.times(self.steps) for flow, _ in halves])
        self._times = to_device(times, device)
        self._as_it_is = len(halves) == len(flows) == self._packing.count
        places, conditional, unconditional = _places(ordered)
        self._places = to_device(np.pad(places, (0, sum(filled.added))), device)
        self._conditional = to_device(conditional, device)
        self._unconditional = to_device(unconditional, device)
        guidance = np.repeat([flow.guidance for flow in ordered], self._lengths)
        self._guidance = to_device(guidance.astype(np.float32)[:, None], device)
        # A step of no length where the reference lies.
        steps = [np.full(len(flow.x), flow.steps, np.float32) for flow in ordered]
        for each, flow in zip(steps, ordered, strict=True):
            each[: flow.prompt] = math.inf
        self._steps = to_device(np.concatenate(steps)[:, None], device)

    def step(self, estimate: Estimate) -> list[Tensor]:
        """`x` of each flow after one Euler step, in the order in which the flows were given."""
        x = self._x if self._as_it_is else self._x.index_select(0, self._places)
        velocity = estimate(x, self._conditions, self._times[self.next()], self._packing)
        if not self._as_it_is:
            conditional = velocity.index_select(0, self._conditional)
            unconditional = velocity.index_select(0, self._unconditional)
            velocity = (1.0 + self._guidance) * conditional - self._guidance * unconditional
        self._x = torch.addcdiv(self._x, velocity, self._steps)
        parts = self._x.split_with_sizes(self._lengths)
        return [part for _, part in sorted(zip(self._order, parts, strict=True), key=_first)]


def _first(pair: tuple[int, Tensor]) -> int:
    return pair[0]


def _places(flows: Sequence[Flow]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where frames lie: of each packed frame its frame of `x`; of each frame of `x` its two packed
    ones, which are the same where a flow is not guided."""
    places, conditional, unconditional = [], [], []
    start = packed = 0
    for flow in flows:
        own = np.arange(len(flow.x))
        places += [start + own] * (1 + flow.guided)
        conditional.append(packed + own)
        packed += len(own) * flow.guided
        unconditional.append(packed + own)
        packed, start = packed + len(own), start + len(own)
    return np.concatenate(places), np.concatenate(conditional), np.concatenate(unconditional)
