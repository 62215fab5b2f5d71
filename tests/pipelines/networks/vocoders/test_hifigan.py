from __future__ import annotations

import math

import pytest
import torch

from pipelines.networks.vocoders.generator_config import HifiganConfig
from pipelines.networks.vocoders.hifigan import HifiganGenerator
from pipelines.networks.vocoders.snake import snake
from pipelines.networks.vocoders.source import source_noise
from pipelines.runtime.lengths import Lengths

SMALL = HifiganConfig(initial_channels=32)
OTHER = HifiganConfig(
    upsample_rates=(5, 4, 3),
    upsample_kernels=(10, 8, 6),
    initial_channels=24,
    resblock_kernels=(3, 5),
    resblock_dilations=((1, 3), (1, 2, 4)),
)


@pytest.mark.parametrize("config", [SMALL, OTHER])
@torch.inference_mode()
def test_hifigan_padded_batch_of_the_generator_equals_each_member(config: HifiganConfig) -> None:
    torch.manual_seed(0)
    generator = HifiganGenerator(config, style=6, sample_rate=24_000).eval()
    for alpha in generator.alphas:
        alpha.uniform_(0.3, 2)
    sizes = [30, 8, 21]
    lengths = Lengths.of(sizes)
    samples = [size * config.samples_per_frame for size in sizes]
    x, style = torch.randn(3, config.initial_channels, 30), torch.randn(3, 6)
    f0 = lengths.clear(150 + 40 * torch.randn(3, 1, 30))[:, 0]
    noise = source_noise([1, 2, 3], samples, torch.device("cpu"))
    batch = generator(x, style, f0, lengths, noise)
    for i, size in enumerate(sizes):
        [alone] = generator(
            x[i : i + 1, :, :size],
            style[i : i + 1],
            f0[i : i + 1, :size],
            Lengths.of([size]),
            noise[i : i + 1, : samples[i]],
        )
        assert alone.shape == batch[i].shape == (samples[i],)
        error = (batch[i] - alone).square().sum() / alone.square().sum()
        assert 10 * math.log10(float(error) + 1e-20) < -60


def test_snake_is_its_formula() -> None:
    x, alpha = torch.randn(2, 3, 10), torch.rand(1, 3, 1) + 0.3
    torch.testing.assert_close(snake(x, alpha), x + torch.sin(alpha * x) ** 2 / alpha)
