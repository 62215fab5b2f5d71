"""The files of the small model: three networks that ship as one file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import safe_open
from torch import Tensor, nn

from pipelines.models.makeanaudio.ddim import remaining_signal
from pipelines.models.makeanaudio_small.config import SmallConfig, read_small_config
from pipelines.models.makeanaudio_small.decoder import PatchDecoder
from pipelines.models.makeanaudio_small.denoiser import ColumnDenoiser
from pipelines.models.makeanaudio_small.mel import SOUND_MEL
from pipelines.networks.vocoders.spectrum import SpectrumVocoder
from pipelines.settings import CHECKPOINTS, PipelineSettings
from pipelines.weights.state_dicts import StateDict, load_strict

NAME = "makeanaudio-small"
FOLDER = CHECKPOINTS / NAME

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class SmallFiles:
    """Implements `stages.LatentModel`. Loading raises CheckpointError where a file does not fit."""

    config: Path
    weights: Path

    @classmethod
    def of(cls, settings: PipelineSettings) -> SmallFiles:
        folder = settings.checkpoints / NAME
        return cls(folder / "config.json", folder / "model.safetensors")

    def read_config(self) -> SmallConfig:
        return read_small_config(self.config)

    @property
    def channels(self) -> int:
        return self.read_config().denoiser.channels

    @property
    def text_shape(self) -> tuple[int, int]:
        return 1, self.read_config().denoiser.context

    def denoiser(self, _cache: Path) -> ColumnDenoiser:
        config = self.read_config()
        return self._loaded("denoiser.", lambda: ColumnDenoiser(config.denoiser, config.schedule))

    def decoder(self, _cache: Path) -> PatchDecoder:
        return self._loaded("decoder.", lambda: PatchDecoder(self.channels))

    def constants(self, _cache: Path) -> tuple[Tensor, float]:
        return remaining_signal(self.read_config().schedule), 1.0

    def vocoder(self) -> SpectrumVocoder:
        vocoder = SpectrumVocoder(self.read_config().vocoder, SOUND_MEL)
        load_strict(vocoder, _tensors(self.weights, "vocoder."), self.weights.name)
        return vocoder

    def _loaded(self, prefix: str, build: Callable[[], Module]) -> Module:
        with torch.device("meta"):
            module = build()
        load_strict(module, _tensors(self.weights, prefix), self.weights.name)
        return module


def _tensors(path: Path, prefix: str) -> StateDict:
    with safe_open(path, framework="pt") as file:
        return {
            name.removeprefix(prefix): file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118 (not a mapping)
            if name.startswith(prefix)
        }
