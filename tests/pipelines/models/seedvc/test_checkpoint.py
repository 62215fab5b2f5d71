from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.models.seedvc.checkpoint import load_estimator, load_regulator, load_rmvpe
from pipelines.models.seedvc.config import SeedVCConfig, read_config
from pipelines.weights.torch_files import CheckpointError
from tests.pipelines.models.seedvc.tiny import GOLDENS


@pytest.fixture
def config() -> SeedVCConfig:
    return read_config(GOLDENS / "vc22k" / "config.yml")


@pytest.fixture
def official() -> dict[str, Any]:
    """As `torch.load` gives it."""
    tree: dict[str, Any] = torch.load(GOLDENS / "vc22k" / "model.pth", weights_only=True)
    return tree


def saved(tree: object, folder: Path) -> Path:
    path = folder / "model.pth"
    torch.save(tree, path)
    return path


def reference(config: SeedVCConfig, cache: Path) -> dict[str, torch.Tensor]:
    return load_estimator(GOLDENS / "vc22k" / "model.pth", config, cache).state_dict()


def test_seedvc_checkpoint_prefixed_or_not_and_folded_or_not_are_the_same(
    config: SeedVCConfig, official: dict[str, Any], tmp_path: Path
) -> None:
    renamed = {
        name.removeprefix("module.")
        .replace("weight_g", "parametrizations.weight.original0")
        .replace("weight_v", "parametrizations.weight.original1"): tensor
        for name, tensor in official["net"]["cfm"].items()
    }
    official["net"]["cfm"] = renamed
    loaded = load_estimator(saved(official, tmp_path), config, tmp_path).state_dict()
    for name, tensor in reference(config, tmp_path).items():
        torch.testing.assert_close(loaded[name], tensor, rtol=0, atol=0)


def test_seedvc_checkpoint_missing_tensor_is_reported_by_name(
    config: SeedVCConfig, official: dict[str, Any], tmp_path: Path
) -> None:
    name = "module.estimator.transformer.layers.1.attention.wqkv.weight"
    del official["net"]["cfm"][name]
    with pytest.raises(CheckpointError, match=r"layers\.1\.attention\.wqkv\.weight"):
        load_estimator(saved(official, tmp_path), config, tmp_path)


def test_seedvc_checkpoint_tensor_of_another_shape_is_reported(
    config: SeedVCConfig, official: dict[str, Any], tmp_path: Path
) -> None:
    official["net"]["length_regulator"]["module.content_in_proj.weight"] = torch.zeros(3, 4)
    with pytest.raises(CheckpointError, match=r"content_in_proj\.weight"):
        load_regulator(saved(official, tmp_path), config, tmp_path)


@pytest.mark.parametrize("tree", [{}, {"net": {}}, {"net": {"cfm": {}}}, [1, 2], {"net": 3}])
def test_seedvc_checkpoint_files_of_another_kind_are_refused(
    config: SeedVCConfig, tree: object, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError):
        load_estimator(saved(tree, tmp_path), config, tmp_path)


def test_seedvc_checkpoint_file_that_is_no_pitch_tracker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="RMVPE"):
        load_rmvpe(saved({"weight": torch.zeros(1)}, tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("is_causal: false", "is_causal: true"),
        ("style_as_token: false", "style_as_token: true"),
        ("is_discrete: false", "is_discrete: true"),
        ("final_layer_type: wavenet", "final_layer_type: other"),
        ("depth: 5\n", "depth: 5\n    uvit_skip_connection: false\n"),
    ],
)
def test_seedvc_checkpoint_other_architectures_are_refused(
    old: str, new: str, tmp_path: Path
) -> None:
    text = (GOLDENS / "vc22k" / "config.yml").read_text()
    if "uvit" in new:
        text = text.replace("    uvit_skip_connection: true\n", "")
    assert old in text
    path = tmp_path / "config.yml"
    path.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=r"config\.yml"):
        read_config(path)


def test_seedvc_checkpoint_limit_of_the_mel_is_always_8_khz(tmp_path: Path) -> None:
    text = (GOLDENS / "vc22k" / "config.yml").read_text()
    path = tmp_path / "config.yml"
    assert read_config(GOLDENS / "vc22k" / "config.yml").mel.high is None
    path.write_text(text.replace("fmax: None", "fmax: 7000"))
    assert read_config(path).mel.high == 8000.0
