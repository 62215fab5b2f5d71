"""Sizes of the small model, read from its `config.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pipelines.makeanaudio.config import BertConfig, ScheduleConfig, UNetConfig
from pipelines.torch_files import CheckpointError
from pipelines.vocoders.spectrum import SpectrumConfig


@dataclass(frozen=True, slots=True)
class SmallConfig:
    bert: BertConfig
    unet: UNetConfig
    schedule: ScheduleConfig
    vocoder: SpectrumConfig


def read_small_config(path: Path) -> SmallConfig:
    """Raises `CheckpointError` if the file is not of that kind."""
    try:
        parts = json.loads(path.read_text())
        unet = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in parts["unet"].items()
        }
        return SmallConfig(
            bert=BertConfig(**parts["bert"]),
            unet=UNetConfig(**unet),
            schedule=ScheduleConfig(**parts["schedule"]),
            vocoder=SpectrumConfig(**parts["vocoder"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path.name} does not describe a small model: {error!r}") from error
