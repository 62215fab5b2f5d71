"""The least that plain code could take: the convolutions over time alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from benchmarks.models.work import Work

Convolution = nn.Conv1d | nn.ConvTranspose1d


def plain_convolutions(work: Work) -> Work:
    """Runs what `work` calls of `nn.Conv1d` and `nn.ConvTranspose1d`, and nothing else.

    On contiguous float32 tensors, as any straightforward code would call them.
    """
    calls: list[tuple[nn.Module, torch.Size]] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if isinstance(module, Convolution):
            calls.append((module, inputs[0].shape))

    noting = register_module_forward_pre_hook(note)
    work()
    noting.remove()
    layers = {module: _plain(module) for module, _ in calls}
    inputs = {shape: torch.randn(shape) for _, shape in calls}
    return lambda: [layers[module](inputs[shape]).new_zeros(1) for module, shape in calls]


def _plain(module: nn.Module) -> nn.Module:
    """The same layer, of the class that torch has, with contiguous weights."""
    assert isinstance(module, Convolution)
    kind = nn.Conv1d if isinstance(module, nn.Conv1d) else nn.ConvTranspose1d
    layer = kind(
        module.in_channels,
        module.out_channels,
        module.kernel_size,
        module.stride,
        module.padding,
        dilation=module.dilation,
        groups=module.groups,
        bias=module.bias is not None,
    )
    return layer.requires_grad_(False)
