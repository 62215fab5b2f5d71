"""Where and how a model computes: heavy layers perhaps in 16 bits, the rest in float32."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from pipelines.runtime.device import Runtime
from pipelines.runtime.packed_layers import pack_layers
from pipelines.runtime.time_convolution import store_channels_last

HEAVY = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)


def place(module: nn.Module, runtime: Runtime, precise: Iterable[nn.Module] = ()) -> None:
    """Bring a module to where and how it computes, once and for good.

    The order matters: it is moved to the runtime's device, its heavy weights are lowered to the
    runtime's type, and only then are they laid out and packed for the device that they are on.
    Packed layers cannot be moved. `precise` modules stay float32 with all that is inside them.
    """
    module.to(runtime.device)
    if runtime.dtype is not torch.float32:
        lower_weights(module, runtime.dtype, precise)
    store_channels_last(module)
    pack_layers(module)


def lower_weights(module: nn.Module, dtype: torch.dtype, precise: Iterable[nn.Module] = ()) -> None:
    """Keep the weights of matrix products and convolutions in `dtype`, as autocast wants them.

    Autocast would otherwise convert them anew in every call.
    """
    kept = {id(layer) for top in precise for layer in top.modules()}
    for layer in module.modules():
        if isinstance(layer, HEAVY) and id(layer) not in kept:
            layer.to(dtype)


def autocast(runtime: Runtime) -> AbstractContextManager[object]:
    """Matrix products and convolutions in the runtime's type; does nothing for float32."""
    if runtime.dtype is torch.float32:
        return nullcontext()
    return torch.autocast(runtime.device.type, runtime.dtype)


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Computing in the types that are there, whatever is round it."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
