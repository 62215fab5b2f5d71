from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from pipelines.fast_convolution import blocks
from pipelines.fast_convolution.activations import NormedSnake
from pipelines.fast_convolution.blocks import BlockConvolution, Moments, suits

SHAPES = [(8, 3, 1, 40), (16, 7, 3, 250), (24, 11, 5, 333), (16, 3, 5, 1), (8, 11, 1, 7)]
"""Channels, taps, dilation, steps: one tile, several, and ends within a tile and before it."""


def signal(steps: int, channels: int) -> Tensor:
    return torch.randn(steps, channels, generator=torch.Generator().manual_seed(steps))


def layer(channels: int, taps: int, dilation: int, dtype: torch.dtype) -> torch.nn.Conv1d:
    torch.manual_seed(0)
    padding = dilation * (taps - 1) // 2
    conv = torch.nn.Conv1d(channels, channels, taps, dilation=dilation, padding=padding)
    return conv.requires_grad_(False)


def snake(channels: int) -> tuple[NormedSnake, Tensor, Tensor, Tensor]:
    scale, shift = signal(1, channels)[0], signal(2, channels)[1]
    slope = 0.5 + torch.rand(channels, generator=torch.Generator().manual_seed(1))
    return NormedSnake(scale, shift, slope), scale, shift, slope


def expected(conv: torch.nn.Conv1d, x: Tensor, added: Tensor | None) -> Tensor:
    _, scale, shift, slope = snake(x.shape[1])
    u = x * scale + shift
    result = conv(((u + u.sin().square()) * slope).T[None])[0].T
    return result if added is None else result + added


def power_ratio(difference: Tensor, reference: Tensor) -> float:
    return float(difference.square().mean() / reference.square().mean())


@pytest.mark.parametrize(("channels", "taps", "dilation", "steps"), SHAPES)
@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-7), (torch.bfloat16, 1e-4)])
@torch.inference_mode()
def test_block_convolutions_give_what_torch_gives(
    channels: int, taps: int, dilation: int, steps: int, dtype: torch.dtype, most: float
) -> None:
    conv = layer(channels, taps, dilation, dtype)
    fast = BlockConvolution(conv.weight, conv.bias, dilation, dtype)
    x, added = signal(steps, channels), signal(steps + 1, channels)[1:].clone()
    for more in (None, added):
        right = expected(conv, x, more)
        assert power_ratio(fast(x, snake(channels)[0], more) - right, right) < most


@torch.inference_mode()
def test_block_convolutions_take_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "CACHED", 1)
    conv = layer(8, 7, 3, torch.float32)
    fast = BlockConvolution(conv.weight, conv.bias, 3, torch.float32)
    x = signal(1000, 8)
    right = expected(conv, x, None)
    torch.testing.assert_close(fast(x, snake(8)[0]), right, rtol=1e-3, atol=1e-3)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.inference_mode()
def test_block_convolutions_are_the_same_with_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "CACHED", 1)
    conv = layer(8, 3, 1, torch.float32)
    fast = BlockConvolution(conv.weight, conv.bias, 1, torch.float32)
    x = signal(1000, 8)
    results = []
    for threads in (1, 2):
        with torch_threads(threads):
            results.append(fast.measured(x, snake(8)[0]))
    (one, moments), (two, others) = results
    assert torch.equal(one, two)
    assert torch.equal(moments.variance, others.variance)


@torch.inference_mode()
def test_moments_are_those_of_the_result() -> None:
    conv = layer(16, 3, 1, torch.float32)
    fast = BlockConvolution(conv.weight, conv.bias, 1, torch.float32)
    result, moments = fast.measured(signal(3000, 16), snake(16)[0])
    torch.testing.assert_close(moments.mean, result.mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(moments.variance, result.var(0, correction=0), rtol=1e-4, atol=0)


def test_moments_keep_their_digits_far_from_zero() -> None:
    x = 1000 + 0.1 * signal(5000, 8)
    exact = x.double().var(0, correction=0).float()
    torch.testing.assert_close(Moments.of(x).variance, exact, rtol=1e-2, atol=0)


def test_suits_says_where_there_is_a_scheme() -> None:
    assert suits(torch.empty(16, 16, 7))
    assert not suits(torch.empty(16, 16, 5))
    assert not suits(torch.empty(16, 8, 7))
    assert not suits(torch.empty(12, 12, 7))
    with pytest.raises(ValueError, match="scheme"):
        BlockConvolution(torch.empty(12, 12, 7), None, 1, torch.float32)
