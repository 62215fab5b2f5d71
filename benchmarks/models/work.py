"""What a stage of a benchmark is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from pipelines.torch_runtime import Runtime

Work = Callable[[], object]
M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Size:
    """How a stage is run: device, type and number of members in a batch."""

    runtime: Runtime
    batch: int

    def noise(self, *shape: int) -> torch.Tensor:
        """Standard normal `[batch, *shape]`."""
        return torch.randn(self.batch, *shape, device=self.runtime.device)


Prepare = Callable[[Size], Work]
"""Builds the model with random weights and returns what is measured."""


def still(module: M, size: Size) -> M:
    """For inference, on the device of the benchmark."""
    return module.eval().requires_grad_(False).to(size.runtime.device)
