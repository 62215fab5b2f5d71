"""Numbers on their way between this process and the device that computes.

A copy between pageable memory and a GPU stops both until it is done. Pinned memory lets a copy to
the device go on by itself; copies back are started together and waited for once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_device(
    values: Tensor | NDArray[Any] | Sequence[int] | Sequence[float], device: torch.device
) -> Tensor:
    """The same numbers on the device. Only what follows there waits for the copy."""
    if isinstance(values, np.ndarray):
        values = torch.from_numpy(values)
    tensor = values if isinstance(values, Tensor) else torch.tensor(values)
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def to_host(*tensors: Tensor) -> list[NDArray[Any]]:
    """The numbers of tensors that are on one device, waited for once. Numbers that were in this
    process already are not copied."""
    if tensors[0].device.type != "cuda":
        return [tensor.cpu().numpy() for tensor in tensors]
    copies = [
        torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(
            tensor, non_blocking=True
        )
        for tensor in tensors
    ]
    torch.cuda.current_stream(tensors[0].device).synchronize()
    # Of ordinary memory: what is pinned is scarce, and results may stay for long.
    return [copy.numpy().copy() for copy in copies]
