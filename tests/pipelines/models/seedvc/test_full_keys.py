"""At full size the modules have the names and shapes of the official checkpoints."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
import torch
from torch import Tensor

from parity.sizes import seedvc
from pipelines.models.seedvc.checkpoint import ESTIMATOR, normalised
from pipelines.models.seedvc.config import SeedVCConfig
from pipelines.models.seedvc.content import content_encoder
from pipelines.models.seedvc.dit import VelocityEstimator
from pipelines.models.seedvc.length_regulator import LengthRegulator
from pipelines.networks.campplus import CampPlus
from pipelines.networks.rmvpe import RMVPE, RMVPEConfig
from pipelines.networks.vocoders.bigvgan import BigVGAN
from pipelines.weights.state_dicts import under
from tests.pipelines.models.seedvc.tiny import GOLDENS

Shapes = dict[str, list[int]]
VARIANTS = {"vc22k": seedvc.SPEECH, "svc44k": seedvc.SINGING}


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    full: dict[str, Any] = json.loads(gzip.decompress((GOLDENS / "full_keys.json.gz").read_bytes()))
    return full


def expected(entry: dict[str, Any], prefix: str = "") -> Shapes:
    """What a module must have: all but what nothing reads, with weight norm folded."""
    unread = {*entry["unused"], *entry["buffers"]}
    with torch.device("meta"):
        state: dict[str, Tensor] = {
            name: torch.empty(shape)
            for name, (shape, _) in entry["keys"].items()
            if name not in unread
        }
    return shapes(under(normalised(state, "keys"), prefix))


def shapes(state: dict[str, Tensor]) -> Shapes:
    return {name: list(tensor.shape) for name, tensor in state.items()}


@pytest.mark.parametrize("variant", VARIANTS)
def test_velocity_estimator(recorded: dict[str, Any], variant: str) -> None:
    config: SeedVCConfig = VARIANTS[variant]
    with torch.device("meta"):
        model = VelocityEstimator(config.dit)
    assert shapes(model.state_dict()) == expected(recorded[f"{variant}_cfm"], ESTIMATOR)


@pytest.mark.parametrize("variant", VARIANTS)
def test_length_regulator(recorded: dict[str, Any], variant: str) -> None:
    with torch.device("meta"):
        model = LengthRegulator(VARIANTS[variant].regulator)
    assert shapes(model.state_dict()) == expected(recorded[f"{variant}_length_regulator"])


@pytest.mark.parametrize("variant", VARIANTS)
def test_seedvc_vocoder(recorded: dict[str, Any], variant: str) -> None:
    with torch.device("meta"):
        model = BigVGAN(seedvc.vocoder(VARIANTS[variant]))
    assert shapes(model.state_dict()) == expected(recorded[f"bigvgan_{variant}"])


def test_seedvc_speaker_encoder(recorded: dict[str, Any]) -> None:
    with torch.device("meta"):
        model = CampPlus()
    assert shapes(model.state_dict()) == expected(recorded["campplus"])


def test_seedvc_pitch_tracker(recorded: dict[str, Any]) -> None:
    entry = recorded["rmvpe"]
    with torch.device("meta"):
        tensors = {name: torch.empty(shape) for name, (shape, _) in entry["keys"].items()}
        model = RMVPE(RMVPEConfig())
    assert RMVPEConfig.of(tensors) == RMVPEConfig()
    assert shapes(model.state_dict()) == expected(entry)


def test_seedvc_content_encoder(recorded: dict[str, Any]) -> None:
    with torch.device("meta"):
        model = content_encoder(seedvc.WHISPER_SMALL)
    assert shapes(model.encoder.state_dict()) == expected(
        recorded["whisper_small_encoder"], "model.encoder."
    )
