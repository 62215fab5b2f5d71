"""Sizes of a Make-An-Audio model, read from its official YAML file and BERT's `config.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipelines.networks.bert import BertConfig
from pipelines.weights.torch_files import CheckpointError


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """The network that predicts the noise. `multipliers` has one entry per resolution."""

    channels_in: int
    channels_out: int
    width: int
    multipliers: tuple[int, ...]
    blocks: int
    attention_rates: tuple[int, ...]
    """Down-sampling rates at which there are spatial transformers."""
    heads: int
    depth: int
    context: int


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """The decoder of the autoencoder, latent to mel spectrogram."""

    latent: int
    channels_in: int
    """Channels between the first 1×1 convolution and the decoder proper."""
    channels_out: int
    width: int
    multipliers: tuple[int, ...]
    blocks: int
    attention_levels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """Noise added in training: `levels` variances between the squares of two roots."""

    first: float
    last: float
    levels: int


@dataclass(frozen=True, slots=True)
class MakeAnAudioConfig:
    bert: BertConfig
    unet: UNetConfig
    decoder: DecoderConfig
    schedule: ScheduleConfig


def read_config(model: Path, bert: Path) -> MakeAnAudioConfig:
    """From `txt2audio_args.yaml` and the text encoder's `config.json`.

    Raises `CheckpointError` if a file is not of that kind or asks for what is not implemented.
    """
    try:
        params = yaml.safe_load(model.read_text())["model"]["params"]
        return MakeAnAudioConfig(
            bert=_bert(json.loads(bert.read_text())),
            unet=_unet(params["unet_config"]["params"]),
            decoder=_decoder(params["first_stage_config"]["params"]),
            schedule=ScheduleConfig(
                params["linear_start"], params["linear_end"], params["timesteps"]
            ),
        )
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        message = f"{model.name} and {bert.name} do not describe a Make-An-Audio model: {error!r}"
        raise CheckpointError(message) from error


def _bert(values: Mapping[str, Any]) -> BertConfig:
    _require(values, hidden_act="gelu")
    return BertConfig(
        vocabulary=values["vocab_size"],
        width=values["hidden_size"],
        layers=values["num_hidden_layers"],
        heads=values["num_attention_heads"],
        inner=values["intermediate_size"],
        positions=values["max_position_embeddings"],
        token_types=values["type_vocab_size"],
        norm_epsilon=values["layer_norm_eps"],
    )


def _unet(values: Mapping[str, Any]) -> UNetConfig:
    _require(values, use_spatial_transformer=True)
    return UNetConfig(
        channels_in=values["in_channels"],
        channels_out=values["out_channels"],
        width=values["model_channels"],
        multipliers=tuple(values["channel_mult"]),
        blocks=values["num_res_blocks"],
        attention_rates=tuple(values["attention_resolutions"]),
        heads=values["num_heads"],
        depth=values["transformer_depth"],
        context=values["context_dim"],
    )


def _decoder(values: Mapping[str, Any]) -> DecoderConfig:
    sizes = values["ddconfig"]
    # Attention is placed by the size that a level would have for the nominal resolution.
    levels = range(len(sizes["ch_mult"]))
    nominal = {level: sizes["resolution"] // 2**level for level in levels}
    return DecoderConfig(
        latent=values["embed_dim"],
        channels_in=sizes["z_channels"],
        channels_out=sizes["out_ch"],
        width=sizes["ch"],
        multipliers=tuple(sizes["ch_mult"]),
        blocks=sizes["num_res_blocks"] + 1,
        attention_levels=tuple(
            level for level in levels if nominal[level] in sizes["attn_resolutions"]
        ),
    )


def _require(values: Mapping[str, Any], **expected: object) -> None:
    for name, value in expected.items():
        if values[name] != value:
            raise ValueError(f"{name} must be {value}, not {values[name]}")
