from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.networks.norms import EPSILON, AdaIN, AdaLayerNorm, ChannelLayerNorm, instance_norm
from pipelines.runtime.lengths import Lengths


@pytest.mark.usefixtures("either_way")
@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(0, 2**31))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_instance_norm_is_the_formula_over_real_steps(sizes: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    lengths = Lengths.of(sizes)
    x = 3 + 5 * torch.randn(len(sizes), 4, lengths.longest)
    scale, shift = torch.randn(2, len(sizes), 4)
    y = instance_norm(x, scale, shift, lengths)
    for i, size in enumerate(sizes):
        real = x[i, :, :size].double()
        mean = real.mean(-1, keepdim=True)
        variance = (real - mean).square().mean(-1, keepdim=True)
        normed = (real - mean) / (variance + EPSILON).sqrt()
        expected = normed * scale[i, :, None] + shift[i, :, None]
        torch.testing.assert_close(y[i, :, :size].double(), expected, atol=2e-3, rtol=1e-4)
        assert not y[i, :, size:].any()


@pytest.mark.usefixtures("either_way")
def test_instance_norm_keeps_precision_far_from_zero() -> None:
    x = 1000 + torch.sin(torch.arange(20_000.0))[None, None]
    y = instance_norm(x, torch.ones(1, 1), torch.zeros(1, 1), Lengths.of([20_000]))
    assert float(y.std()) == pytest.approx(1, abs=1e-3)


@pytest.mark.usefixtures("either_way")
def test_norms_padding_does_not_change_a_member() -> None:
    torch.manual_seed(0)
    norm = AdaIN(style=6, channels=8)
    x, style = torch.randn(3, 8, 50), torch.randn(3, 6)
    sizes = [50, 13, 31]
    batch = norm(x, style, Lengths.of(sizes))
    for i, size in enumerate(sizes):
        alone = norm(x[i : i + 1, :, :size], style[i : i + 1], Lengths.of([size]))
        torch.testing.assert_close(batch[i, :, :size], alone[0], atol=1e-6, rtol=1e-6)


@pytest.mark.usefixtures("either_way")
def test_norms_gain_multiplies_the_result() -> None:
    torch.manual_seed(0)
    norm = AdaIN(style=6, channels=8)
    x, style, gain = torch.randn(2, 8, 20), torch.randn(2, 6), torch.randn(8)
    lengths = Lengths.of([20, 11])
    expected = gain[:, None] * norm(x, style, lengths)
    torch.testing.assert_close(norm(x, style, lengths, gain), expected)


def test_layer_norms_normalise_channels() -> None:
    torch.manual_seed(0)
    x, style = 2 + 3 * torch.randn(2, 7, 16), torch.randn(2, 5)
    mean, std = x.mean(-1, keepdim=True), x.std(-1, correction=0, keepdim=True)
    normed = (x - mean) / std
    adaptive = AdaLayerNorm(style=5, channels=16)
    gamma, beta = adaptive.fc(style)[:, None].chunk(2, dim=2)
    torch.testing.assert_close(
        adaptive(x, style), (1 + gamma) * normed + beta, atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(ChannelLayerNorm(16)(x.mT), normed.mT, atol=1e-4, rtol=1e-4)
