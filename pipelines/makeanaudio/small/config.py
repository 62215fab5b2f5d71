"""Sizes of the small model, read from its `config.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.makeanaudio.config import (
    BertConfig,
    DecoderConfig,
    MakeAnAudioConfig,
    ScheduleConfig,
    UNetConfig,
)
from pipelines.torch_files import CheckpointError
from pipelines.vocoders.spectrum import SpectrumConfig


@dataclass(frozen=True, slots=True)
class SmallConfig:
    """Of the three networks of the original, and of the vocoder."""

    model: MakeAnAudioConfig
    vocoder: SpectrumConfig


def read_small_config(path: Path) -> SmallConfig:
    """Raises `CheckpointError` if the file is not of that kind."""
    try:
        parts = json.loads(path.read_text())
        return SmallConfig(
            model=MakeAnAudioConfig(
                bert=BertConfig(**parts["bert"]),
                unet=UNetConfig(**_tuples(parts["unet"])),
                decoder=DecoderConfig(**_tuples(parts["decoder"])),
                schedule=ScheduleConfig(**parts["schedule"]),
            ),
            vocoder=SpectrumConfig(**parts["vocoder"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path.name} does not describe a small model: {error!r}") from error


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
