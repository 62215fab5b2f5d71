"""Modules that have a faster form on a CPU."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import nn

from pipelines.fast_convolution.upsampling import ProductUpsampling, is_upsampling


@runtime_checkable
class HasFasterForm(Protocol):
    def faster(self, dtype: torch.dtype) -> nn.Module | None:
        """What does the same on a CPU with products of `dtype`; None if there is nothing."""


def has_faster_form(module: nn.Module) -> bool:
    """Whether anything inside a module may have one."""
    return any(isinstance(each, HasFasterForm) for each in module.modules())


@torch.inference_mode()
def speed_up(module: nn.Module, dtype: torch.dtype) -> None:
    """Replace what has a faster form inside a module that is on a CPU, for good."""
    if dtype not in (torch.float32, torch.bfloat16):
        return
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if (faster := _faster(child, dtype)) is not None:
                setattr(parent, name, faster)


def _faster(child: nn.Module, dtype: torch.dtype) -> nn.Module | None:
    if any(parameter.device.type != "cpu" for parameter in child.parameters()):
        return None
    if is_upsampling(child):
        return ProductUpsampling(child).to(dtype)
    return child.faster(dtype) if isinstance(child, HasFasterForm) else None
