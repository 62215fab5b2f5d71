"""Softmax attention, the fastest way that torch offers for each type and device."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.runtime.device import in_blocks
from pipelines.runtime.sequence_packing import Packing

BLOCK = 256
"""Queries whose scores against all keys stay in the second-level cache of a core."""


def attend(query: Tensor, key: Tensor, value: Tensor, scale: float | None = None) -> Tensor:
    """Every query attends to all keys: `[batch, heads, frames, size]` to the same.

    `scale` of the scores is 1 / sqrt(size) unless given.

    Torch's fused kernel multiplies 16-bit numbers on a CPU no faster than float32, its matrix
    product does: there a loop over heads and blocks of queries takes a third less time.
    """
    if query.device.type != "cpu":
        return F.scaled_dot_product_attention(query, key, value, scale=scale)
    query, key, value = query.contiguous(), key.contiguous(), value.contiguous()
    if query.dtype is torch.float32:
        return F.scaled_dot_product_attention(query, key, value, scale=scale)
    if scale is None:
        scale = query.shape[-1] ** -0.5
    result = torch.empty_like(query)
    heads = (tensor.flatten(0, 1) for tensor in (query * scale, key, value, result))
    for queries, keys, values, out in zip(*heads, strict=True):
        for block, rows in zip(queries.split(BLOCK), out.split(BLOCK), strict=True):
            torch.mm((block @ keys.t()).softmax(dim=-1), values, out=rows)
    return result


def attend_packed(queries_keys: Tensor, value: Tensor, packing: Packing) -> Tensor:
    """Every frame attends to all frames of its own sequence: queries and keys `[frames, 2, heads,
    size]` and values `[frames, heads, size]` to the shape of the values.

    In 16 bits on a GPU that has the kernel nothing is padded.
    """
    query, key = queries_keys.unbind(1)
    if packing.even or in_blocks(value):
        return packing.by_run(_attend, [query, key, value])
    if has_varlen(value.device, value.dtype):
        # Its import takes seconds, and memory for a compiler that nothing here uses.
        from torch.nn.attention.varlen import varlen_attn

        longest, ends = packing.longest, packing.ends
        return cast(Tensor, varlen_attn(query, key, value, ends, ends, longest, longest))
    query, key = packing.padded(queries_keys).transpose(1, 3).unbind(2)
    value = packing.padded(value).transpose(1, 2)
    real = packing.members.real[:, None, None]
    padded = F.scaled_dot_product_attention(query, key, value, attn_mask=real)
    return packing.packed(padded.transpose(1, 2))


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention within each of `[sequences, frames, heads, size]`."""
    by_head = attend(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2))
    return by_head.transpose(1, 2)


def has_varlen(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether there is a kernel for sequences of different lengths: FlashAttention, in 16 bits on
    GPUs of compute capability 8 and higher."""
    if dtype not in (torch.bfloat16, torch.float16):
        return False
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "meta"
