"""Sizes of the small model, read from its `config.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pipelines.models.makeanaudio.config import ScheduleConfig
from pipelines.models.makeanaudio_small.conditions import KINDS
from pipelines.models.makeanaudio_small.denoiser import ColumnDenoiserConfig
from pipelines.networks.vocoders.spectrum import SpectrumConfig
from pipelines.weights.torch_files import CheckpointError


@dataclass(frozen=True, slots=True)
class SmallConfig:
    denoiser: ColumnDenoiserConfig
    schedule: ScheduleConfig
    vocoder: SpectrumConfig


def read_small_config(path: Path) -> SmallConfig:
    """Raises `CheckpointError` if the file is not of that kind, or of other kinds of sound."""
    try:
        parts = json.loads(path.read_text())
        kinds = tuple(parts["kinds"])
        config = SmallConfig(
            denoiser=ColumnDenoiserConfig(**parts["denoiser"]),
            schedule=ScheduleConfig(**parts["schedule"]),
            vocoder=SpectrumConfig(**parts["vocoder"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path.name} does not describe a small model: {error!r}") from error
    if kinds != KINDS:
        raise CheckpointError(f"{path.name} is of a model that knows other kinds of sound")
    return config
