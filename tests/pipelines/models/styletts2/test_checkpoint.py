"""Checkpoints of the official layout, whole and damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from pipelines.models.styletts2.acoustic import AcousticModel
from pipelines.models.styletts2.checkpoint import MODULES, published_checkpoint, read_config
from pipelines.models.styletts2.config import PLBertConfig
from pipelines.models.styletts2.style_encoder import StyleEncoder
from pipelines.settings import PipelineSettings
from pipelines.weights.torch_files import CheckpointError
from tests.pipelines.models.styletts2.conftest import GOLDENS, Published

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[Change], Path]:
    """A folder whose checkpoint was changed."""

    def make(change: Change) -> Path:
        shutil.copytree(GOLDENS / "ljspeech", tmp_path / "model", dirs_exist_ok=True)
        path = tmp_path / "model" / "checkpoint.pth"
        tree = torch.load(path, weights_only=True)
        change(tree["net"])
        torch.save(tree, path)
        return path.parent

    return make


def load(folder: Path, cache: Path) -> AcousticModel:
    checkpoint = published_checkpoint(folder, PipelineSettings(checkpoints=cache))
    model = AcousticModel(checkpoint.config)
    checkpoint.fill(model)
    return model


def unprefixed(net: dict[str, Any]) -> None:
    for name in MODULES:
        net[name] = {key.removeprefix("module."): value for key, value in net[name].items()}


def other_names(net: dict[str, Any]) -> None:
    """As newer and partial files have it: no buffer, one name for the denoiser, more modules."""
    net["bert"].pop("module.embeddings.position_ids")
    net["diffusion"] = {k: v for k, v in net["diffusion"].items() if k.startswith("module.unet.")}
    net["something_new"] = {"weight": torch.zeros(1)}
    del net["mpd"], net["text_aligner"]


@pytest.mark.parametrize("change", [unprefixed, other_names])
def test_styletts2_checkpoint_other_forms_of_a_file_hold_the_same_model(
    changed: Callable[[Change], Path], change: Change, tmp_path: Path
) -> None:
    expected = load(GOLDENS / "ljspeech", tmp_path).state_dict()
    state = load(changed(change), tmp_path).state_dict()
    assert all(torch.equal(state[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("change", "report"),
    [
        (lambda net: net.pop("predictor"), "net.predictor"),
        (lambda net: net["bert_encoder"].pop("module.bias"), "1 missing: bert_encoder.bias"),
        (
            lambda net: net["predictor"].update({"module.F0.7.weight": torch.zeros(2)}),
            "1 unexpected: predictor.F0.7.weight",
        ),
        (
            lambda net: net["bert_encoder"].update({"module.bias": torch.zeros(3)}),
            r"1 of another shape: bert_encoder.bias \(3, the model has 40\)",
        ),
        (lambda net: net["text_encoder"].pop("module.cnn.0.0.weight_g"), "weight_v"),
    ],
)
def test_styletts2_checkpoint_what_is_wrong_is_reported(
    changed: Callable[[Change], Path], change: Change, report: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=report):
        load(changed(change), tmp_path)


def test_styletts2_checkpoint_file_is_converted_once(tmp_path: Path) -> None:
    load(GOLDENS / "ljspeech", tmp_path)
    [kept] = (tmp_path / "cache").iterdir()
    made = kept.stat().st_mtime_ns
    load(GOLDENS / "ljspeech", tmp_path)
    assert [path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()] == [made]


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config.pop("model_params"),
        lambda config: config["model_params"].pop("hidden_dim"),
        lambda config: config["model_params"]["decoder"].update(type="wavenet"),
        lambda config: config["model_params"].update(diffusion=None),
    ],
)
def test_styletts2_checkpoint_configurations_that_describe_no_model(
    change: Callable[[dict[str, Any]], object], tmp_path: Path
) -> None:
    config = yaml.safe_load((GOLDENS / "ljspeech" / "config.yml").read_text())
    change(config)
    (tmp_path / "config.yml").write_text(yaml.safe_dump(config))
    with pytest.raises(CheckpointError):
        read_config(tmp_path)


def test_styletts2_checkpoint_published_sizes_are_those_of_the_absent(tmp_path: Path) -> None:
    shutil.copy(GOLDENS / "ljspeech" / "config.yml", tmp_path)
    assert read_config(tmp_path).bert == PLBertConfig()


def test_styletts2_checkpoint_folder_holds_one_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"0 \.pth files"):
        published_checkpoint(tmp_path, PipelineSettings())


def test_spectral_norm_uses_the_stored_vectors(many_voices: Published) -> None:
    encoder = StyleEncoder(many_voices.checkpoint.config)
    many_voices.checkpoint.fill(encoder, "style_encoder.")
    net = torch.load(many_voices.folder / "checkpoint.pth", weights_only=True)["net"]
    state = {k.removeprefix("module.shared.6."): v for k, v in net["style_encoder"].items()}
    matrix = state["weight_orig"].flatten(1)
    sigma = state["weight_u"] @ matrix @ state["weight_v"]
    torch.testing.assert_close(
        encoder.shared[6].weight.data, state["weight_orig"] / sigma, rtol=1e-5, atol=1e-7
    )
