"""Where the files of a Make-An-Audio model lie, and how its modules are loaded from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
import yaml
from torch import Tensor, nn

from pipelines.models.makeanaudio.config import MakeAnAudioConfig, read_config
from pipelines.models.makeanaudio.ddim import remaining_signal
from pipelines.models.makeanaudio.description_encoder import TOKENS, DescriptionEncoder
from pipelines.models.makeanaudio.unet import UNet
from pipelines.models.makeanaudio.vae import LatentDecoder
from pipelines.networks.vocoders.bigvgan import BigVGAN, BigVGANConfig, load_bigvgan
from pipelines.weights.state_dicts import StateDict, converted, load_strict, tensors_of, under
from pipelines.weights.torch_files import CheckpointError

TEXT = "cond_stage_model.caption_encoder."
UNET = "model.diffusion_model."
AUTOENCODER = "first_stage_model."

UNUSED = (
    TEXT + "base.embeddings.position_ids",
    TEXT + "base.pooler.",
    AUTOENCODER + "encoder.",
    AUTOENCODER + "quant_conv.",
    AUTOENCODER + "loss.",
)
"""Prefixes of tensors that belong to a part but have no effect on the sound."""

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class MakeAnAudioFiles:
    """The files of one model: the diffusion checkpoint, the vocoder, and BERT's vocabulary."""

    config: Path
    weights: Path
    bert_config: Path
    vocabulary: Path
    vocoder_config: Path
    vocoder_weights: Path

    @classmethod
    def under(cls, folder: Path) -> MakeAnAudioFiles:
        """In the layout of the official distribution, with BERT's files in `bert/`."""
        weights = folder / "useful_ckpts"
        return cls(
            config=folder / "configs" / "txt2audio_args.yaml",
            weights=weights / "maa1_full.ckpt",
            bert_config=folder / "bert" / "config.json",
            vocabulary=folder / "bert" / "vocab.txt",
            vocoder_config=weights / "bigvgan" / "args.yml",
            vocoder_weights=weights / "bigvgan" / "best_netG.pt",
        )

    def read_config(self) -> MakeAnAudioConfig:
        """Raises `CheckpointError`."""
        return read_config(self.config, self.bert_config)

    @property
    def channels(self) -> int:
        return self.read_config().unet.channels_in

    @property
    def text_shape(self) -> tuple[int, int]:
        return TOKENS, self.read_config().unet.context

    def denoiser(self, cache: Path) -> UNet:
        return load_unet(self, cache)

    def decoder(self, cache: Path) -> LatentDecoder:
        return load_decoder(self, cache)

    def constants(self, cache: Path) -> tuple[Tensor, float]:
        return load_constants(self, cache)


def load_text_encoder(files: MakeAnAudioFiles, cache: Path) -> DescriptionEncoder:
    """The text encoder of the diffusion checkpoint, which is not that of the CLAP file.

    This and the loaders below raise `CheckpointError` if a file does not fit its configuration.
    """
    config = files.read_config()
    return _load(files, cache, TEXT, lambda: DescriptionEncoder(config.bert, config.unet.context))


def load_unet(files: MakeAnAudioFiles, cache: Path) -> UNet:
    config = files.read_config()
    return _load(files, cache, UNET, lambda: UNet(config.unet))


def load_decoder(files: MakeAnAudioFiles, cache: Path) -> LatentDecoder:
    config = files.read_config()
    return _load(files, cache, AUTOENCODER, lambda: LatentDecoder(config.decoder))


def load_constants(files: MakeAnAudioFiles, cache: Path) -> tuple[Tensor, float]:
    """ᾱ of the training levels `[levels]`, and the factor between latents and autoencoder."""

    def convert(tree: object) -> StateDict:
        state = _state_dict(tree)
        return {name: state[name] for name in ("scale_factor", "alphas_cumprod") if name in state}

    constants = converted(files.weights, cache, convert, "constants")
    if "scale_factor" not in constants:
        raise CheckpointError(f"{files.weights.name} lacks scale_factor")
    signal = constants.get("alphas_cumprod")
    if signal is None:
        signal = remaining_signal(files.read_config().schedule)
    return signal, constants["scale_factor"].item()


def load_vocoder(files: MakeAnAudioFiles, cache: Path) -> BigVGAN:
    fields = yaml.safe_load(files.vocoder_config.read_text())
    return load_bigvgan(files.vocoder_weights, BigVGANConfig.from_mapping(fields), cache)


def _load(files: MakeAnAudioFiles, cache: Path, prefix: str, build: Callable[[], Module]) -> Module:
    def convert(tree: object) -> StateDict:
        state = _state_dict(tree)
        return under({k: v for k, v in state.items() if not k.startswith(UNUSED)}, prefix)

    state = converted(files.weights, cache, convert, prefix.split(".")[0])
    with torch.device("meta"):
        module = build()
    load_strict(module, state, files.weights.name)
    return module


def _state_dict(tree: object) -> StateDict:
    return tensors_of(tree.get("state_dict") if isinstance(tree, dict) else None, "state_dict")
