from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipelines.runtime import packed_layers
from pipelines.runtime.packed_layers import PackedLinear, kernels_work, pack_layers
from pipelines.runtime.time_convolution import TimeConv

CONVOLUTIONS: list[tuple[nn.Module, tuple[int, ...]]] = [
    (nn.Conv2d(3, 5, 3, stride=2, padding=1), (2, 3, 7, 9)),
    (nn.Conv2d(3, 5, (3, 1), padding="same", dilation=2), (1, 3, 7, 9)),
    (nn.Conv2d(3, 5, 1), (2, 3, 4, 6)),
    (TimeConv(3, 5, 7, padding=9, dilation=3, bias=False), (2, 3, 40)),
    (TimeConv(3, 5, 12, stride=6, padding=3), (2, 3, 41)),
    (TimeConv(3, 5, 1), (2, 3, 11)),
]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize(("layer", "shape"), CONVOLUTIONS, ids=lambda each: str(each))
@torch.inference_mode()
def test_packed_convolutions_give_what_they_replace(
    layer: nn.Module, shape: tuple[int, ...], dtype: torch.dtype, tolerance: float
) -> None:
    if not kernels_work(dtype):
        pytest.skip(f"this processor has no kernels for packed weights of {dtype}")
    x = torch.randn(shape).to(dtype)
    model = nn.Sequential(deepcopy(layer).to(dtype))
    expected = deepcopy(model).float()(x.float())
    pack_layers(model)
    over_time = isinstance(layer, TimeConv) and layer.kernel_size != (1,)
    slower = over_time and dtype is torch.bfloat16
    assert isinstance(model[0], nn.Conv1d | nn.Conv2d) is slower
    for laid_out in (x, x.mT.contiguous().mT):
        result = model(laid_out)
        assert result.dtype is dtype
        torch.testing.assert_close(result.float(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", [(6,), (1, 6), (2, 5, 6), (0, 6)])
@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_packed_linear_layers_give_what_they_replace(shape: tuple[int, ...], bias: bool) -> None:
    model = nn.Sequential(nn.Linear(6, 4, bias=bias))
    x = torch.randn(shape)
    expected = model(x)
    pack_layers(model)
    torch.testing.assert_close(model(x), expected)
    torch.testing.assert_close(model(x.double()), expected)
    if x.dim() > 2:
        torch.testing.assert_close(model(x.mT.contiguous().mT), expected)


class _OtherTorch:
    """Has none of the kernels."""


def test_kernels_work_is_false_where_torch_has_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(packed_layers, "kernels", _OtherTorch())
    assert not kernels_work.__wrapped__(torch.float32)
    assert "other kernels" in caplog.text


def test_kernels_work_is_false_where_they_are_wrong(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(PackedLinear, "forward", lambda _, x: 2 * x.sum(-1, keepdim=True))
    assert not kernels_work.__wrapped__(torch.float32)
    assert "something else" in caplog.text


def test_pack_layers_leaves_layers_alone_without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_layers, "kernels_work", lambda _: False)
    layers = [nn.Linear(2, 2), nn.Conv2d(2, 2, 3), TimeConv(2, 2, 3)]
    model = nn.Sequential(*layers)
    pack_layers(model)
    assert list(model) == layers


class _Columns(nn.Linear):
    pass


def test_subclasses_and_grouped_convolutions_keep_their_weights() -> None:
    layers: list[Any] = [_Columns(2, 2), nn.Conv2d(2, 2, 3, groups=2), nn.Conv1d(2, 2, 3)]
    model = nn.Sequential(*layers)
    pack_layers(model)
    assert list(model) == layers


def test_packed_layers_are_found_inside_lists_and_dictionaries() -> None:
    model = nn.ModuleDict(
        {"list": nn.ModuleList([nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2))])}
    )
    pack_layers(model)
    assert not any(isinstance(each, nn.Linear) for each in model.modules())
    assert isinstance(model["list"][0](torch.ones(1, 2)), Tensor)
