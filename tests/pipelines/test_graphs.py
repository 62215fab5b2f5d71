"""The networks that a GPU runs again and again can be captured whole: torch finds no break in them.

A break is Python that depends on a number, or an operation that waits for one: either forbids a
CUDA graph. What is captured is the way of a GPU, at tiny widths, on a CPU.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules import module

from benchmarks.gpu import SMALL_FLOW, SMALL_UNET, reduced
from pipelines.models.makeanaudio.unet import UNet
from pipelines.models.seedvc.dit import VelocityEstimator
from pipelines.models.styletts2.config import KOKORO, LIBRITTS, ModelConfig
from pipelines.models.styletts2.decoder import Decoder
from pipelines.models.styletts2.denoiser import StyleDenoiser
from pipelines.networks.vocoders.bigvgan import BigVGAN, BigVGANConfig
from pipelines.runtime.device import batched_everywhere
from pipelines.runtime.lengths import Lengths
from pipelines.runtime.sequence_packing import Packing


@pytest.fixture(autouse=True)
def _no_hooks_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of the background that earlier tests began have hooks on all modules."""
    monkeypatch.setattr(module, "_global_forward_pre_hooks", OrderedDict())


SIZES = (12, 9)
"""Of two members; one is padded."""
Case = tuple[nn.Module, tuple[Any, ...]]


def estimator() -> Case:
    config = replace(SMALL_FLOW.dit, depth=3)
    frames = sum(SIZES)
    packing = Packing(SIZES, torch.device("cpu"))
    inputs = torch.randn(frames, config.bands), torch.randn(frames, config.width), torch.rand(2)
    return VelocityEstimator(config), (*inputs, packing)


def unet() -> Case:
    config = replace(SMALL_UNET, multipliers=SMALL_UNET.multipliers[:2])
    latents = torch.randn(2, config.channels_in, 10, 8)
    return UNet(config), (latents, torch.tensor([5, 7]), torch.randn(2, 7, config.context))


def bigvgan() -> Case:
    config = BigVGANConfig(8, 16, (2,), (4,), (3,), ((1,),), snake_beta=True, log_scale=True)
    return BigVGAN(config), (torch.randn(2, 8, 20),)


def denoiser() -> Case:
    config = reduced(LIBRITTS)
    assert config.denoiser is not None
    network = StyleDenoiser(config, replace(config.denoiser, layers=1))
    styles = torch.randn(2, 2, 2 * config.style)
    text = torch.randn(2, max(SIZES), config.bert.hidden)
    return network, (styles[0], torch.rand(2), text, styles[1], Lengths.of(SIZES))


def generator(config: ModelConfig, rates: tuple[int, int]) -> Case:
    """Of a decoder, with two stages of one block each."""
    small = replace(
        reduced(config).generator,
        upsample_rates=rates,
        upsample_kernels=(2 * rates[0], 2 * rates[1]),
        resblock_kernels=(3,),
        resblock_dilations=((1,),),
    )
    network: Any = Decoder(replace(reduced(config), generator=small)).generator
    longest = max(SIZES)
    x, style = torch.randn(2, small.initial_channels, longest), torch.randn(2, 8)
    noise = torch.randn(2, longest * small.samples_per_frame, 9)
    f0 = 100 + torch.rand(2, longest)
    return network, (x, style, f0, Lengths.of(SIZES), noise)


CASES: dict[str, Callable[[], Case]] = {
    "estimator of Seed-VC": estimator,
    "UNet of Make-An-Audio": unet,
    "BigVGAN": bigvgan,
    "style denoiser": denoiser,
    "HiFi-GAN": lambda: generator(LIBRITTS, (5, 2)),
    "iSTFTNet": lambda: generator(KOKORO, (10, 6)),
}


@pytest.fixture(autouse=True)
def as_on_a_gpu() -> Iterator[None]:
    torch.manual_seed(0)
    torch._dynamo.reset()
    with batched_everywhere(), torch.no_grad():
        yield
    torch._dynamo.reset()


@pytest.mark.parametrize("name", CASES)
def test_a_network_is_one_graph(name: str) -> None:
    network, inputs = CASES[name]()
    network.eval()
    expected = network(*inputs)
    captured = torch.compile(network, backend="eager", fullgraph=True)(*inputs)
    pairs = zip(captured, expected, strict=True)
    for one, other in pairs:
        error = (one - other).square().mean() / other.square().mean()
        assert error < 1e-4


def test_a_break_is_found() -> None:
    class Waiting(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1 if x.sum().item() > 0 else x

    with pytest.raises(torch._dynamo.exc.TorchDynamoException):
        torch.compile(Waiting(), backend="eager", fullgraph=True)(torch.ones(3))
