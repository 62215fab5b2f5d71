"""At full size the modules have the names and shapes of the published checkpoints."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
import torch

from pipelines.models.styletts2.acoustic import AcousticModel
from pipelines.models.styletts2.checkpoint import convert, model_config
from pipelines.models.styletts2.config import LIBRITTS, LJSPEECH, ModelConfig
from pipelines.models.styletts2.decoder import Decoder
from pipelines.models.styletts2.style_encoder import StyleEncoder
from pipelines.networks.vocoders.generator_config import HifiganConfig
from tests.pipelines.models.styletts2.conftest import GOLDENS, VARIANTS

Shapes = dict[str, list[int]]


@pytest.fixture(params=VARIANTS)
def recorded(request: pytest.FixtureRequest) -> dict[str, Any]:
    path = GOLDENS / f"full_keys_{request.param}.json.gz"
    full: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return full


def test_styletts2_all_modules(recorded: dict[str, Any]) -> None:
    with torch.device("meta"):
        tree = {
            "net": {
                name: {
                    module["checkpoint_prefix"] + key: torch.empty(shape)
                    for key, shape in module["keys"].items()
                }
                for name, module in recorded["modules"].items()
            },
            "epoch": 20,
        }
        config = model_config(recorded["model_params"], recorded["plbert_model_params"])
        converted = {key: list(tensor.shape) for key, tensor in convert(tree).items()}
        assert converted == shapes(config)


def shapes(config: ModelConfig) -> Shapes:
    modules = {
        "": AcousticModel(config),
        "decoder.": Decoder(config),
        "style_encoder.": StyleEncoder(config),
        "predictor_encoder.": StyleEncoder(config),
    }
    return {
        prefix + name: list(tensor.shape)
        for prefix, module in modules.items()
        for name, tensor in module.state_dict().items()
    }


def test_styletts2_two_published_models_differ_where_they_should() -> None:
    many, one = (
        model_config(full["model_params"], {})
        for full in (
            json.loads(gzip.decompress((GOLDENS / f"full_keys_{v}.json.gz").read_bytes()))
            for v in VARIANTS
        )
    )
    assert many.multispeaker
    assert not one.multispeaker
    assert isinstance(many.generator, HifiganConfig)
    assert (many.delayed_features, many.final_frames, many.cut, many.cut_long_form) == (
        True,
        0,
        50,
        100,
    )
    assert (one.delayed_features, one.final_frames, one.cut, one.cut_long_form) == (False, 5, 0, 0)
    assert many.trunk == one.trunk == 1024


@pytest.mark.parametrize(("variant", "config"), [("libritts", LIBRITTS), ("ljspeech", LJSPEECH)])
def test_styletts2_published_sizes(variant: str, config: ModelConfig) -> None:
    full = json.loads(gzip.decompress((GOLDENS / f"full_keys_{variant}.json.gz").read_bytes()))
    assert model_config(full["model_params"], full["plbert_model_params"]) == config
