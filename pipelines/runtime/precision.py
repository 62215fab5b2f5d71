"""Where and how a model computes: heavy layers perhaps in 16 bits, the rest in float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from pipelines.runtime.device import Runtime
from pipelines.runtime.faster_modules import has_faster_form, speed_up
from pipelines.runtime.packed_layers import pack_layers
from pipelines.runtime.time_convolution import store_channels_last

HEAVY = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)


@runtime_checkable
class HasPreciseParts(Protocol):
    """A module of which some parts stay float32, with all that is inside them."""

    @property
    def precise(self) -> Sequence[nn.Module]: ...


def place(module: nn.Module, runtime: Runtime) -> None:
    """Bring a module to where and how it computes, once and for good.

    The order matters: it is moved to the runtime's device, its heavy weights are lowered to the
    runtime's type, and only then are they laid out and packed for the device that they are on.
    Packed layers cannot be moved. What a module names in `precise` stays float32.
    """
    module.to(runtime.device)
    if has_faster_form(module) and runtime.fast:
        speed_up(module, runtime.dtype)
    if runtime.dtype is not torch.float32:
        lower_weights(module, runtime.dtype)
    store_channels_last(module)
    pack_layers(module)


def lower_weights(module: nn.Module, dtype: torch.dtype) -> None:
    """Keep the weights of matrix products and convolutions in `dtype`, as autocast wants them.

    Autocast would otherwise convert them anew in every call.
    """
    precise = module.precise if isinstance(module, HasPreciseParts) else ()
    kept = {id(layer) for top in precise for layer in top.modules()}
    for layer in module.modules():
        if isinstance(layer, HEAVY) and id(layer) not in kept:
            layer.to(dtype)


def autocast(runtime: Runtime) -> AbstractContextManager[object]:
    """Matrix products and convolutions in the runtime's type; does nothing for float32."""
    if runtime.dtype is torch.float32:
        return nullcontext()
    return torch.autocast(runtime.device.type, runtime.dtype)


def in_types_of(runtime: Runtime, network: nn.Module) -> Callable[..., Tensor]:
    """The network under `autocast`, with a result in float32."""

    def run(*inputs: object) -> Tensor:
        with autocast(runtime):
            result: Tensor = network(*inputs).float()
        return result

    return run


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Computing in the types that are there, whatever is round it."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
