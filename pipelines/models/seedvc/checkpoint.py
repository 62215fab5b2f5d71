"""From the official files of a Seed-VC model to modules ready for inference.

`model.pth` holds `net`, module names to state dicts, of which `cfm` and `length_regulator` matter.
Files of different origin have a `module.` before every name or not, and carry tensors that nothing
reads any more; the latter are left out.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pipelines.models.seedvc.config import SeedVCConfig
from pipelines.models.seedvc.dit import VelocityEstimator
from pipelines.models.seedvc.length_regulator import LengthRegulator
from pipelines.networks.campplus import CampPlus
from pipelines.networks.rmvpe import RMVPE, RMVPEConfig
from pipelines.networks.vocoders.bigvgan import BigVGAN, BigVGANConfig, load_bigvgan
from pipelines.weights.state_dicts import (
    StateDict,
    converted,
    fold_weight_norm,
    load_strict,
    tensors_of,
    under,
    without_module_prefix,
)
from pipelines.weights.torch_files import CheckpointError

logger = logging.getLogger(__name__)

ESTIMATOR = "estimator."
REGULATOR = "length_regulator."
_RENAMED = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
    ".conv.conv.": ".",
}


@dataclass(frozen=True, slots=True)
class SeedVCFiles:
    """The official files of one model."""

    config: Path
    model: Path
    whisper: Path
    """Folder with `config.json` and `model.safetensors`."""
    campplus: Path
    vocoder: Path
    """Folder with `config.json` and `bigvgan_generator.pt`."""
    rmvpe: Path | None = None
    """For models conditioned on F0."""

    @classmethod
    def beside(cls, folder: Path, config: SeedVCConfig, campplus: Path) -> SeedVCFiles:
        """A folder of local files whose configuration names the others relative to itself."""
        return cls(
            config=folder / "config.yml",
            model=folder / "model.pth",
            whisper=folder / config.content_encoder,
            campplus=campplus,
            vocoder=folder / config.vocoder,
            rmvpe=folder / "rmvpe" / "rmvpe.pt" if config.pitched else None,
        )


def load_estimator(model: Path, config: SeedVCConfig, cache: Path) -> VelocityEstimator:
    """Raises CheckpointError, as all loaders here, if the file does not fit the configuration."""
    with torch.device("meta"):
        estimator = VelocityEstimator(config.dit)
    load_used(estimator, under(_model(model, cache), ESTIMATOR), model.name)
    return estimator


def load_regulator(model: Path, config: SeedVCConfig, cache: Path) -> LengthRegulator:
    with torch.device("meta"):
        regulator = LengthRegulator(config.regulator)
    load_used(regulator, under(_model(model, cache), REGULATOR), model.name)
    return regulator


def load_campplus(weights: Path, cache: Path) -> CampPlus:
    with torch.device("meta"):
        encoder = CampPlus()
    load_strict(encoder, converted(weights, cache, _flat, "campplus"), weights.name)
    return encoder


def load_rmvpe(weights: Path, cache: Path) -> RMVPE:
    state = converted(weights, cache, _flat, "rmvpe")
    try:
        config = RMVPEConfig.of(state)
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{weights.name} is not a checkpoint of RMVPE") from error
    with torch.device("meta"):
        model = RMVPE(config)
    load_strict(model, state, weights.name)
    return model


def load_vocoder(folder: Path, cache: Path) -> BigVGAN:
    config = BigVGANConfig.from_mapping(json.loads((folder / "config.json").read_text()))
    return load_bigvgan(folder / "bigvgan_generator.pt", config, cache)


def load_used(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load what the module has; what only the file has is logged, as long as nothing is missing."""
    expected = module.state_dict()
    if all(name in state for name in expected):
        if unused := sorted(state.keys() - expected.keys()):
            logger.info("%s: tensors that nothing reads: %s", source, ", ".join(unused))
        state = {name: state[name] for name in expected}
    load_strict(module, state, source)


def _flat(tree: object) -> StateDict:
    return tensors_of(tree, "a state dict")


def _model(model: Path, cache: Path) -> StateDict:
    return converted(model, cache, _networks, "seedvc")


def _networks(tree: object) -> StateDict:
    """`estimator.…` and `length_regulator.…` of a model file, weight norm folded."""
    networks = tree.get("net") if isinstance(tree, dict) else None
    if not isinstance(networks, dict):
        raise CheckpointError("the file holds no `net`")
    flow = under(normalised(networks.get("cfm"), "net.cfm"), ESTIMATOR)
    regulator = normalised(networks.get("length_regulator"), "net.length_regulator")
    return {
        **{ESTIMATOR + name: tensor for name, tensor in flow.items()},
        **{REGULATOR + name: tensor for name, tensor in regulator.items()},
    }


def normalised(tree: object, what: str) -> StateDict:
    """A network's tensors under the names that the modules here have."""
    state = {}
    for name, tensor in without_module_prefix(tensors_of(tree, what)).items():
        for old, new in _RENAMED.items():
            name = name.replace(old, new)
        state[name] = tensor
    return fold_weight_norm(state)
