"""Names, norms and shapes on the way from a checkpoint to a module."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from pipelines.weights.state_dicts import (
    converted,
    fold_spectral_norm,
    fold_weight_norm,
    load_strict,
    tensors_of,
    under,
    without_module_prefix,
)
from pipelines.weights.torch_files import CheckpointError


def test_state_dicts_prefixes() -> None:
    one, two = torch.ones(1), torch.zeros(1)
    assert without_module_prefix({"module.a": one, "module.module.b": two}) == {
        "a": one,
        "module.b": two,
    }
    assert without_module_prefix({"module.a": one, "b": two}) == {"module.a": one, "b": two}
    assert under({"net.a": one, "network.b": two}, "net.") == {"a": one}


def test_state_dicts_only_tensors_are_kept() -> None:
    one = torch.ones(1)
    assert tensors_of({"a": one, "epoch": 3}, "the model") == {"a": one}
    with pytest.raises(CheckpointError, match="the model is not in the checkpoint"):
        tensors_of(None, "the model")


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize(
    "layer", [nn.Linear(3, 4), nn.Conv2d(3, 4, 3), nn.ConvTranspose1d(3, 4, 5)]
)
def test_weight_norm_folds_as_torch_computes_it(layer: nn.Module) -> None:
    normed = nn.utils.weight_norm(layer)
    with torch.no_grad():
        normed.weight_g.mul_(torch.rand_like(normed.weight_g) + 0.5)
    state = {f"inner.{name}": value for name, value in normed.state_dict().items()}
    folded = fold_weight_norm(state)
    nn.utils.remove_weight_norm(normed)
    assert set(folded) == {"inner.weight", "inner.bias"}
    torch.testing.assert_close(folded["inner.weight"], normed.weight.detach())


def test_state_dicts_gain_of_another_shape_is_an_error() -> None:
    with pytest.raises(CheckpointError, match="weight_g"):
        fold_weight_norm({"weight_g": torch.ones(1, 3), "weight_v": torch.ones(2, 3)})


@pytest.mark.parametrize("layer", [nn.Linear(5, 4), nn.Conv2d(3, 4, 3)])
def test_spectral_norm_folds_as_torch_computes_it(layer: nn.Module) -> None:
    normed = nn.utils.spectral_norm(layer)
    state = dict(normed.state_dict())
    folded = fold_weight_norm(fold_spectral_norm(state))
    x = torch.randn(2, 5) if isinstance(layer, nn.Linear) else torch.randn(2, 3, 6, 6)
    plain = type(layer)(5, 4) if isinstance(layer, nn.Linear) else nn.Conv2d(3, 4, 3)
    load_strict(plain, folded, "test")
    with torch.no_grad():
        torch.testing.assert_close(plain(x), normed.eval()(x))
    state.pop("weight_u")
    with pytest.raises(CheckpointError, match="weight_orig"):
        fold_spectral_norm(state)


def test_state_dicts_loads_into_a_module_without_storage() -> None:
    with torch.device("meta"):
        module = nn.BatchNorm1d(3)
    state = dict(nn.BatchNorm1d(3).half().state_dict())
    load_strict(module, state, "test")
    assert not module.training
    assert module.weight.dtype == torch.float32
    assert module.num_batches_tracked.dtype == torch.int64
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_state_dicts_one_report_tells_everything_that_does_not_fit() -> None:
    state = {f"extra.{index}": torch.ones(1) for index in range(20)} | {"weight": torch.ones(2, 3)}
    with pytest.raises(CheckpointError) as caught:
        load_strict(nn.Linear(2, 2), state, "model.pth")
    report = str(caught.value)
    assert "model.pth does not fit Linear" in report
    assert "1 missing: bias" in report
    assert "20 unexpected: extra.0, " in report
    assert "… and 8 more" in report
    assert "weight (2×3, the model has 2×2)" in report


def test_state_dicts_conversion_happens_once_and_follows_the_source(tmp_path: Path) -> None:
    source, cache = tmp_path / "x.pth", tmp_path / "cache"
    torch.save({"w": torch.ones(3)}, source)
    conversions = []

    def convert(tree: object) -> dict[str, torch.Tensor]:
        conversions.append(1)
        state = tensors_of(tree, "x")
        return {"w": state["w"] * 2, "same": state["w"]}

    for _ in range(2):
        read = converted(source, cache, convert, "doubled")
    assert read["w"].tolist() == [2, 2, 2]
    assert read["same"].tolist() == [1, 1, 1]
    assert len(conversions) == 1
    torch.save({"w": torch.zeros(3)}, source)
    os.utime(source, (0, 0))
    assert converted(source, cache, convert, "doubled")["w"].tolist() == [0, 0, 0]
    assert len(conversions) == 2


def test_state_dicts_failed_conversion_leaves_nothing(tmp_path: Path) -> None:
    source, cache = tmp_path / "x.pth", tmp_path / "cache"
    torch.save({"w": torch.ones(3)}, source)
    with pytest.raises(CheckpointError):
        converted(source, cache, lambda tree: tensors_of(None, "x"), "none")
    with pytest.raises(RuntimeError):
        converted(source, cache, lambda tree: {"w": torch.ones(1, device="meta")}, "meta")
    assert list(cache.iterdir()) == []
