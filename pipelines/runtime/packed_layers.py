"""Layers whose weights lie in memory as the kernels of a CPU read them.

oneDNN, with which torch multiplies on CPUs, works on weights cut into blocks. An ordinary layer has
them cut anew in every call, which takes as long as the product itself where a weight meets few
inputs; in float32 torch's linear layers use another library, which is slower. Packed layers have
theirs cut once. They take and give what the layers did that they replace, in the type of their
weights. They cannot be moved to another device: only `precision.place` packs, after all else.
"""

from __future__ import annotations

import logging
from functools import cache

import torch
from torch import Tensor, nn

from pipelines.runtime.time_convolution import TimeConv, channels_last

log = logging.getLogger(__name__)

kernels = torch.ops.mkldnn
TOLERANCE = 0.05


def pack_layers(module: nn.Module) -> None:
    """Replace the linear layers and the convolutions inside a module on a CPU. It cannot be undone.

    Subclasses of torch's layers keep their weights, for those who use them in their own way; so do
    convolutions in groups, with padding other than zeros, or over time in 16 bits.
    """
    for parent in list(module.modules()):
        for name, layer in parent.named_children():
            if (packed := _packed(layer)) is not None:
                setattr(parent, name, packed)


def _packed(layer: nn.Module) -> nn.Module | None:
    if type(layer) not in (nn.Linear, nn.Conv2d, TimeConv):
        return None
    if not isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d) or not _supported(layer.weight):
        return None
    if isinstance(layer, nn.Linear):
        return PackedLinear(layer.weight, layer.bias)
    if layer.groups > 1 or layer.padding_mode != "zeros":
        return None
    pointwise = set(layer.kernel_size) == set(layer.stride) == {1}
    # In 16 bits the kernels for packed weights take a third longer over one long dimension.
    if isinstance(layer, TimeConv) and not pointwise and layer.weight.dtype is not torch.float32:
        return None
    inner = PointwiseConv(layer) if pointwise else PackedConv(layer)
    return OverTime(inner) if isinstance(layer, TimeConv) else inner


def _supported(weight: Tensor) -> bool:
    """Whether this machine has kernels for a weight where it is and of its type."""
    return weight.device.type == "cpu" and kernels_work(weight.dtype)


@cache
def kernels_work(dtype: torch.dtype) -> bool:
    """Whether torch's kernels for packed weights are there and right, on this machine.

    They are not part of torch's public interface, so that another release may lack them or take
    other arguments. Layers stay as they are then, which is logged, once.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    try:
        return _has_instructions(dtype) and _are_right(dtype)
    except (AttributeError, RuntimeError, TypeError):
        log.warning("layers are not packed: this torch has other kernels", exc_info=True)
        return False


def _has_instructions(dtype: torch.dtype) -> bool:
    if dtype is torch.bfloat16:
        return bool(kernels._is_mkldnn_bf16_supported())
    if dtype is torch.float16:
        return bool(kernels._is_mkldnn_fp16_supported())
    return dtype is torch.float32


@torch.inference_mode()
def _are_right(dtype: torch.dtype) -> bool:
    """Whether two small layers give packed what they gave before."""
    numbers = torch.arange(24.0) / 24 - 0.5
    linear = nn.Linear(4, 6).to(dtype)
    linear.weight.data = numbers.view(6, 4).to(dtype)
    conv = nn.Conv2d(2, 3, (1, 4)).to(dtype)
    conv.weight.data = numbers.view(3, 2, 1, 4).to(dtype)
    inputs = numbers[:8].view(2, 4).to(dtype), numbers.view(2, 2, 1, 6).to(dtype)
    layers = (linear, PackedLinear(linear.weight, linear.bias)), (conv, PackedConv(conv))
    for (plain, packed), x in zip(layers, inputs, strict=True):
        if not torch.allclose(plain(x).float(), packed(x).float(), atol=TOLERANCE):
            log.warning("layers are not packed: this torch's kernels give something else")
            return False
    return True


class Packed(nn.Module):
    """A layer that stays as it is: the kernels that read its weights are those of one processor."""

    def _apply(self, *_: object, **__: object) -> Packed:
        """What `to`, `float`, `cuda` and their like call. Raises RuntimeError."""
        raise RuntimeError(
            "Packed layers can be neither moved nor converted: `precision.place` does both before "
            "it packs"
        )


class PackedLinear(Packed):
    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight = kernels._reorder_linear_weight(weight.detach())
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        """`[..., features in]` to `[..., features]`."""
        x = x.to(self.weight.dtype)
        y: Tensor = kernels._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return y


class PointwiseConv(nn.Module):
    """A convolution with a kernel of one element, which is a linear layer over the channels."""

    def __init__(self, layer: nn.Conv1d | nn.Conv2d) -> None:
        super().__init__()
        self.linear = PackedLinear(layer.weight.flatten(1), layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, channels in, height, width]` to `[batch, channels, height, width]`."""
        return self.linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # type: ignore[no-any-return]


class PackedConv(Packed):
    def __init__(self, layer: nn.Conv1d | nn.Conv2d) -> None:
        super().__init__()
        weight = layer.weight.detach()
        flat = weight.dim() == 3
        self.stride, self.dilation = (
            [1] * flat + list(each) for each in (layer.stride, layer.dilation)
        )
        self.padding = [0] * flat + _padding(layer)
        self.weight = kernels._reorder_convolution_weight(
            weight[:, :, None] if flat else weight, self.padding, self.stride, self.dilation
        )
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, channels in, height, width]` to the layer's own shape."""
        y: Tensor = kernels._convolution_pointwise(
            x.to(self.weight.dtype),
            self.weight,
            self.bias,
            self.padding,
            self.stride,
            self.dilation,
            1,
            "none",
            [],
            "",
        )
        return y


def _padding(layer: nn.Conv1d | nn.Conv2d) -> list[int]:
    if not isinstance(layer.padding, str):
        return list(layer.padding)
    same = layer.padding == "same"
    return [
        same * step * (size - 1) // 2
        for step, size in zip(layer.dilation, layer.kernel_size, strict=True)
    ]


class OverTime(nn.Module):
    """What a `TimeConv` does, by a layer over height and width."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, channels, time]` of any layout and type."""
        return self.layer(channels_last(x)[:, :, None])[:, :, 0]  # type: ignore[no-any-return]
