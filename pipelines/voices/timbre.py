"""Voices and blends as the converter needs them: timbre, register and level."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.voices.shipped_voices import Catalogue, Pack, catalogue

PITCHES = "revoice/pitches.toml"
"""Median F0 of each voice, made by `training.voice_pitches`."""
SYMBOLS = 100
"""Packs hold a style for each length of text; this is that of some eight seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Timbre:
    """`style` `[128]` is the decoder's, `pitch_hz` the median of the voice."""

    style: NDArray[np.float32]
    pitch_hz: float
    gain: float


@dataclass(frozen=True, slots=True, eq=False)
class Timbres:
    """Those of all voices that ship."""

    catalogue: Catalogue
    packs: dict[str, Pack]
    pitches: dict[str, float]

    @classmethod
    def load(cls, checkpoints: Path) -> Timbres:
        voices = catalogue(checkpoints)
        pitches = tomllib.loads((checkpoints / PITCHES).read_text(encoding="utf-8"))["hertz"]
        return cls(voices, voices.packs(), pitches)

    def of(self, specification: str) -> Timbre:
        """Of a voice or a blend. Raises InvalidInput."""
        blend = self.catalogue.parse(specification)
        style = blend.style(self.packs, SYMBOLS)
        logarithm = sum(weight * np.log(self.pitches[v.name]) for v, weight in blend.parts)
        return Timbre(style[: len(style) // 2].copy(), float(np.exp(logarithm)), blend.gain)
