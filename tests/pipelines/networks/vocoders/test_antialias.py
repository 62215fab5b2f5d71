"""The polyphase form equals the definition: upsample, activate, downsample at the double rate."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pipelines.networks.vocoders import antialias
from pipelines.networks.vocoders.antialias import AntiAliasedSnake, low_pass


def by_definition(x: Tensor, alpha: Tensor, scale: Tensor, up: Tensor, down: Tensor) -> Tensor:
    channels = x.shape[1]
    up, down = (taps.expand(channels, 1, 12) for taps in (up, down))
    padded = F.pad(x, (5, 5), mode="replicate")
    doubled = 2 * F.conv_transpose1d(padded, up, stride=2, groups=channels)[..., 15:-15]
    active = doubled + scale * (alpha * doubled).sin() ** 2
    return F.conv1d(F.pad(active, (5, 6), mode="replicate"), down, stride=2, groups=channels)


Form = Callable[..., Tensor]


def in_tiles(x: Tensor, alpha: Tensor, scale: Tensor, up: Tensor, down: Tensor) -> Tensor:
    return antialias._in_tiles(x, alpha, scale, *antialias._phases(up, down, x.shape[1]))


def as_convolutions(x: Tensor, alpha: Tensor, scale: Tensor, up: Tensor, down: Tensor) -> Tensor:
    return antialias._as_convolutions(x, alpha, scale, *antialias._grouped(up, down, x.shape[1]))


FORMS = pytest.mark.parametrize("form", [in_tiles, as_convolutions])


@FORMS
@settings(deadline=None)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 4),
    time=st.one_of(st.integers(1, 40), st.integers(4090, 4105)),
    seed=st.integers(0, 1000),
)
def test_antialias_equals_the_definition(
    form: Form, batch: int, channels: int, time: int, seed: int
) -> None:
    torch.manual_seed(seed)
    x = torch.randn(batch, channels, time)
    alpha, scale = torch.rand(2, channels, 1) + 0.5
    up, down = torch.randn(2, 12)
    expected = by_definition(x, alpha, scale, up, down)
    torch.testing.assert_close(form(x, alpha, scale, up, down), expected, rtol=1e-4, atol=1e-4)


def test_antialias_tiles_cover_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(2, 5, 40)
    alpha, scale = torch.rand(2, 5, 1)
    arguments = (x, alpha, scale, low_pass(), low_pass())
    expected = by_definition(*arguments)
    monkeypatch.setattr(antialias, "TILE", 24)
    monkeypatch.setattr(antialias, "LEAST_WIDTH", 7)
    torch.testing.assert_close(in_tiles(*arguments), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("log_scale", [True, False])
@pytest.mark.parametrize("with_beta", [True, False])
def test_antialias_parameters_as_the_checkpoint_stores_them(
    with_beta: bool, log_scale: bool
) -> None:
    layer = AntiAliasedSnake(2, with_beta, log_scale)
    alpha, beta = torch.tensor([[0.5, 2.0], [3.0, 0.25]])
    beta = beta if with_beta else alpha
    with torch.no_grad():
        layer.act.alpha.copy_(alpha.log() if log_scale else alpha)
        if layer.act.beta is not None:
            layer.act.beta.copy_(beta.log() if log_scale else beta)
        # A constant signal passes the filters unchanged, so only the activation is left.
        result = layer(torch.full((1, 2, 20), 0.7))
    expected = 0.7 + (0.7 * alpha).sin() ** 2 / beta
    torch.testing.assert_close(result, expected[None, :, None].expand(1, 2, 20))


def test_antialias_bfloat16_is_computed_in_float32() -> None:
    layer = AntiAliasedSnake(3, True, True)
    x = torch.randn(1, 3, 50).bfloat16()
    with torch.no_grad():
        result, exact = layer(x), layer(x.float())
    assert result.dtype == torch.bfloat16
    assert torch.equal(result, exact.bfloat16())


def test_antialias_filters_are_made_once_for_each_device() -> None:
    layer = AntiAliasedSnake(3, True, True)
    with torch.no_grad():
        layer(torch.randn(1, 3, 50))
        [first] = layer._filters.values()
        layer(torch.randn(2, 3, 70))
        assert [*layer._filters.values()] == [first]
        made = layer.to("meta")(torch.empty(1, 3, 50, device="meta"))
        assert made.device.type == "meta"
        assert len(layer._filters) == 2
