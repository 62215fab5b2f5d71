"""The same network twice, with the same weights and inputs: the reference's and ours."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.models.work import Work
from pipelines.runtime.device import Runtime
from pipelines.runtime.precision import autocast, place


@dataclass(frozen=True, slots=True)
class Pair:
    reference: Work
    ours: Callable[[Runtime], Work]
    """Prepares our network to run in the runtime's type."""


def on(model: nn.Module, run: Callable[[Any], Tensor]) -> Callable[[Runtime], Work]:
    """What `run` does with the model, as a stage would run it."""

    def prepare(runtime: Runtime) -> Work:
        own = deepcopy(model).eval().requires_grad_(False)
        place(own, runtime)

        def work() -> Tensor:
            with autocast(runtime):
                return run(own)

        return work

    return prepare


def exact(runtime: Runtime) -> Runtime:
    """The same in float32."""
    return replace(runtime, dtype=torch.float32)
