"""Layers that are made to be given their weights: nothing is drawn for them before."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class Unfilled(TorchFunctionMode):
    """While it is entered, `torch.nn.init` leaves parameters as they are: of any value.

    What is drawn at random takes longer than the weights take to be read, and on the device `meta`
    it imports torch's compiler, for a second.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        named = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            tensor: torch.Tensor = args[0] if args else named["tensor"]
            return tensor
        return func(*args, **named)
