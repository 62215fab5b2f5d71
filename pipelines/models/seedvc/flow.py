"""Flow matching (Lipman et al., 2023): Euler steps from noise to mel frames, with guidance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.models.seedvc.dit import VelocityEstimator
from pipelines.protocol import State
from pipelines.runtime.sequence_packing import packing


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

    @property
    def time(self) -> float:
        return (self.steps - self.steps_left) / self.steps

    @property
    def guided(self) -> bool:
        return self.guidance > 0.0


def advance(estimator: VelocityEstimator, null: Tensor, flows: Sequence[Flow]) -> None:
    """One Euler step of each flow, wherever in its own schedule it stands.

    The estimator runs once, over the conditional and (where a flow is guided) the unconditional
    half of each; `null` `[1, width]` is the condition of the latter.
    """
    ordered = sorted(flows, key=lambda flow: len(flow.x))
    halves = [
        (flow, conditional) for flow in ordered for conditional in (True, False)[: 1 + flow.guided]
    ]
    lengths = tuple(len(flow.x) for flow, _ in halves)
    velocities = estimator(
        torch.cat([flow.x for flow, _ in halves]),
        torch.cat(
            [
                flow.condition if conditional else null.expand_as(flow.condition)
                for flow, conditional in halves
            ]
        ),
        torch.tensor([flow.time for flow, _ in halves], device=null.device),
        packing(lengths, null.device),
    ).float()
    parts = iter(velocities.split(lengths))
    for flow in ordered:
        velocity = next(parts)
        if flow.guided:
            velocity = (1.0 + flow.guidance) * velocity - flow.guidance * next(parts)
        flow.x = flow.x + velocity / flow.steps
        flow.x[: flow.prompt] = 0.0
        flow.steps_left -= 1
