"""What a stage of a benchmark is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from pipelines.runtime.device import Runtime

Work = Callable[[], Tensor | Sequence[Tensor]]
M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Size:
    """How a stage is run: device, type and number of members in a batch."""

    runtime: Runtime
    batch: int

    def exact(self) -> Size:
        """The same in float32."""
        return replace(
            self, runtime=replace(self.runtime, dtype=torch.float32, convolutions="plain")
        )

    def noise(self, *shape: int) -> Tensor:
        """Standard normal `[batch, *shape]`, the same on every device."""
        return torch.randn(self.batch, *shape).to(self.runtime.device)


Prepare = Callable[[Size], Work]
"""Builds the model with random weights and returns what is measured.

The random numbers are the same whatever the type, so that results in two types can be compared."""


def still(module: M, size: Size) -> M:
    """For inference, on the device of the benchmark."""
    return module.eval().requires_grad_(False).to(size.runtime.device)


def flat(result: Tensor | Sequence[Tensor]) -> Tensor:
    """All numbers of a result in one row."""
    parts = [result] if isinstance(result, Tensor) else result
    return torch.cat([part.detach().float().flatten() for part in parts])
