"""Running a model's heavy layers in a 16-bit type while everything else stays float32."""

from __future__ import annotations

import torch
from torch import nn

from pipelines.runtime.device import Runtime
from pipelines.runtime.faster_modules import has_faster_form, speed_up
from pipelines.runtime.packed_layers import pack_layers
from pipelines.runtime.time_convolution import store_channels_last

HEAVY = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)


def lower_weights(module: nn.Module, dtype: torch.dtype) -> None:
    """Keep the weights of matrix products and convolutions in `dtype`, as autocast wants them.

    Autocast would otherwise convert them anew in every call.
    """
    for layer in module.modules():
        if isinstance(layer, HEAVY):
            layer.to(dtype)


def place(module: nn.Module, runtime: Runtime) -> None:
    """The module on the runtime's device, its heavy weights in the runtime's type and packed."""
    module.to(runtime.device)
    if has_faster_form(module) and runtime.fast:
        speed_up(module, runtime.dtype)
    store_channels_last(module)
    if runtime.dtype is not torch.float32:
        lower_weights(module, runtime.dtype)
    pack_layers(module)


def autocast(runtime: Runtime) -> torch.autocast:
    """Matrix products and convolutions in the runtime's type; does nothing for float32."""
    return torch.autocast(
        runtime.device.type, runtime.dtype, enabled=runtime.dtype is not torch.float32
    )
