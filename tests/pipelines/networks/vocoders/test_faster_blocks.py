"""The residual blocks of the vocoders, plain and with fewer products."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pipelines.networks.vocoders.bigvgan import AMPBlock, BigVGANConfig
from pipelines.networks.vocoders.snake import SnakeResidual
from pipelines.runtime.faster_modules import speed_up
from pipelines.runtime.lengths import Lengths

CONFIG = BigVGANConfig(8, 16, (2,), (4,), (3,), ((1, 3),), snake_beta=True, log_scale=True)


def randomised(block: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for name, parameter in block.named_parameters():
        if "alpha" in name or "beta" in name:
            parameter.data = 0.5 + torch.rand_like(parameter)
    return block.requires_grad_(False).eval()


def decibels(result: Tensor, expected: Tensor) -> float:
    error = (result - expected).square().mean() / expected.square().mean()
    return float(-10 * error.log10())


@pytest.mark.parametrize(("dtype", "least"), [(torch.float32, 70), (torch.bfloat16, 35)])
@pytest.mark.parametrize("taps", [3, 11])
@torch.inference_mode()
def test_fast_snake_residual_gives_what_the_plain_one_gives(
    taps: int, dtype: torch.dtype, least: float
) -> None:
    block = randomised(SnakeResidual(16, taps, (1, 3, 5), 4))
    fast = block.faster(dtype)
    assert fast is not None
    x, style = torch.randn(1, 300, 16).mT, torch.randn(1, 4)
    lengths = Lengths.of([300])
    assert decibels(fast(x, style, lengths), block(x, style, lengths)) > least


@torch.inference_mode()
def test_fast_snake_residual_gives_a_batch_what_it_gives_each_member() -> None:
    fast = randomised(SnakeResidual(16, 7, (1, 3), 4)).faster(torch.float32)
    assert fast is not None
    x, style, values = torch.randn(2, 16, 200), torch.randn(2, 4), [200, 130]
    together = fast(x, style, Lengths.of(values))
    for i, length in enumerate(values):
        alone = fast(x[i : i + 1, :, :length], style[i : i + 1], Lengths.of([length]))
        assert torch.equal(together[i, :, :length], alone[0])


@pytest.mark.parametrize("time", [1, 5, 700])
@pytest.mark.parametrize(("dtype", "least"), [(torch.float32, 70), (torch.bfloat16, 30)])
@torch.inference_mode()
def test_fast_amp_block_gives_what_the_plain_one_gives(
    time: int, dtype: torch.dtype, least: float
) -> None:
    block = randomised(AMPBlock(8, 7, (1, 3), CONFIG))
    fast = block.faster(dtype)
    assert fast is not None
    x = torch.randn(2, 8, time)
    assert decibels(fast(x), block(x)) > least


def test_blocks_without_a_scheme_have_no_faster_form() -> None:
    assert SnakeResidual(16, 5, (1,), 4).faster(torch.float32) is None
    assert AMPBlock(12, 3, (1,), CONFIG).faster(torch.float32) is None


def test_speed_up_replaces_blocks_on_a_cpu_only() -> None:
    for device, replaced in (("cpu", True), ("meta", False)):
        model = nn.Sequential(SnakeResidual(16, 3, (1,), 4), nn.ConvTranspose1d(4, 2, 4, 2)).to(
            device
        )
        before = list(model)
        speed_up(model, torch.float32)
        assert all(new is not old for new, old in zip(model, before, strict=True)) is replaced
