"""Sizes of a Seed-VC model, read from its official YAML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipelines.audio.mel import MelConfig

MEL_EPSILON = 1e-9
HIGH_HZ_UNLESS_NONE = 8000.0

_REQUIRED = {
    "length_regulator": {"is_discrete": False, "vector_quantize": False},
    "DiT": {
        "is_causal": False,
        "style_condition": True,
        "style_as_token": False,
        "time_as_token": False,
        "uvit_skip_connection": True,
        "add_resblock_in_transformer": False,
    },
}
"""Settings that change the architecture and that only ever had these values."""


@dataclass(frozen=True, slots=True)
class RegulatorConfig:
    """Length regulator: content features to conditioning frames."""

    features: int
    channels: int
    blocks: int
    pitch_bins: int | None
    """Number of F0 classes, None for a model that does not see the pitch."""


@dataclass(frozen=True, slots=True)
class WaveNetConfig:
    """The convolutional head of the velocity estimator."""

    layers: int
    kernel: int
    dilation_rate: int


@dataclass(frozen=True, slots=True)
class DiTConfig:
    """Velocity estimator. `wavenet` None stands for the two-layer perceptron head."""

    bands: int
    width: int
    heads: int
    depth: int
    content: int
    style: int
    long_skip: bool
    wavenet: WaveNetConfig | None

    @property
    def inner_width(self) -> int:
        """Two thirds of four widths, rounded up to a multiple of 256."""
        return -(-(8 * self.width // 3) // 256) * 256


@dataclass(frozen=True, slots=True)
class SeedVCConfig:
    """Everything the three stages need to know of one model."""

    sample_rate: int
    mel: MelConfig
    regulator: RegulatorConfig
    dit: DiTConfig
    content_encoder: str
    vocoder: str

    @property
    def pitched(self) -> bool:
        """Whether the model is conditioned on F0."""
        return self.regulator.pitch_bins is not None


def _check(model: dict[str, Any], path: Path) -> None:
    for section, required in _REQUIRED.items():
        for name, value in required.items():
            if model[section].get(name, value) != value:
                raise ValueError(f"{path}: {section}.{name} must be {value!r}")
    dit, head = model["DiT"], model["wavenet"]["hidden_dim"]
    if dit["final_layer_type"] not in ("wavenet", "mlp"):
        raise ValueError(f"{path}: unknown DiT.final_layer_type {dit['final_layer_type']!r}")
    if dit["final_layer_type"] == "wavenet" and head != dit["hidden_dim"]:
        raise ValueError(f"{path}: wavenet.hidden_dim must equal DiT.hidden_dim")


def _mel(preprocess: dict[str, Any]) -> MelConfig:
    spectrum = preprocess["spect_params"]
    return MelConfig(
        filter_rate=preprocess["sr"],
        fft=spectrum["n_fft"],
        hop=spectrum["hop_length"],
        bands=spectrum["n_mels"],
        window=spectrum["win_length"],
        low=spectrum["fmin"],
        # "None" is no limit in the official files; anything else was 8 kHz in training.
        high=None if spectrum["fmax"] in (None, "None") else HIGH_HZ_UNLESS_NONE,
        epsilon=MEL_EPSILON,
    )


def _dit(model: dict[str, Any]) -> DiTConfig:
    dit, wavenet = model["DiT"], model["wavenet"]
    head = WaveNetConfig(wavenet["num_layers"], wavenet["kernel_size"], wavenet["dilation_rate"])
    return DiTConfig(
        bands=dit["in_channels"],
        width=dit["hidden_dim"],
        heads=dit["num_heads"],
        depth=dit["depth"],
        content=dit["content_dim"],
        style=model["style_encoder"]["dim"],
        long_skip=dit["long_skip_connection"],
        wavenet=head if dit["final_layer_type"] == "wavenet" else None,
    )


def read_config(path: Path) -> SeedVCConfig:
    """Reads `config.yml`. Raises ValueError for an architecture this package does not implement."""
    document = yaml.safe_load(path.read_text())
    model, preprocess = document["model_params"], document["preprocess_params"]
    _check(model, path)
    regulator = model["length_regulator"]
    return SeedVCConfig(
        sample_rate=preprocess["sr"],
        mel=_mel(preprocess),
        regulator=RegulatorConfig(
            features=regulator["in_channels"],
            channels=regulator["channels"],
            blocks=len(regulator["sampling_ratios"]),
            pitch_bins=regulator["n_f0_bins"] if regulator["f0_condition"] else None,
        ),
        dit=_dit(model),
        content_encoder=model["speech_tokenizer"]["name"],
        vocoder=model["vocoder"]["name"],
    )
