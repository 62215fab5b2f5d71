"""The voices that ship, and blends of them.

A voice specification is a name (`af_heart`), an alias (`woman`), or up to four of them with
weights: `af_heart:0.7+am_michael:0.3`. Imports no torch: the HTTP process checks voices.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from pipelines.protocol import InvalidInput

MAX_BLEND = 4
FOLDER = "kokoro"
_ROWS = 510

Pack = NDArray[np.float32]
"""`[510, 2 · style]`: a style for each number of phoneme symbols; the decoder's half first."""

_JOINED_BY_PLUS = "The voices of a blend are joined by +: af_heart:0.7+am_michael:0.3."


@dataclass(frozen=True, slots=True)
class Voice:
    name: str
    language: str
    """`en-us` or `en-gb`: how its text is pronounced."""
    gender: str
    aliases: tuple[str, ...] = ()
    gain_db: float = 0.0
    """Brings the voice to the level that all voices share."""


@dataclass(frozen=True, slots=True)
class Blend:
    """Voices with weights that sum to 1, heaviest first."""

    parts: tuple[tuple[Voice, float], ...]

    @property
    def language(self) -> str:
        """That of the heaviest voice."""
        return self.parts[0][0].language

    @property
    def gain(self) -> float:
        """What a waveform of this blend is multiplied by."""
        decibels = sum(weight * voice.gain_db for voice, weight in self.parts)
        return float(10 ** (decibels / 20))

    def style(self, packs: Mapping[str, Pack], symbols: int) -> NDArray[np.float32]:
        """The style row `[2 · style]` for a segment of `symbols` phoneme symbols."""
        row = min(max(symbols, 1), _ROWS) - 1
        styles = np.stack([packs[voice.name][row] for voice, _ in self.parts])
        weights = np.array([weight for _, weight in self.parts], np.float32)
        return np.asarray(weights @ styles, np.float32)


class Catalogue:
    """The voices listed in `voices.toml` of the checkpoints folder."""

    def __init__(self, checkpoints: Path) -> None:
        self._folder = checkpoints / FOLDER
        with (self._folder / "voices.toml").open("rb") as file:
            listed = tomllib.load(file)["voice"]
        self.voices = [
            Voice(v["name"], v["language"], v["gender"], tuple(v.get("aliases", ())), v["gain_db"])
            for v in listed
        ]
        self._named = {name: v for v in self.voices for name in (v.name, *v.aliases)}

    def parse(self, specification: str) -> Blend:
        """The voices and weights a specification names. Raises InvalidInput("voice")."""
        parts = specification.split("+")
        if len(parts) > MAX_BLEND:
            raise _bad(f"A blend has at most {MAX_BLEND} voices, not {len(parts)}.")
        weighed = [self._part(part) for part in parts]
        # Over the largest first, so that no sum overflows.
        largest = max(weight for _, weight in weighed)
        total = sum(weight / largest for _, weight in weighed)
        shares = [(voice, weight / largest / total) for voice, weight in weighed]
        return Blend(tuple(sorted(shares, key=lambda share: -share[1])))

    def packs(self) -> dict[str, Pack]:
        """Every voice's styles."""
        packs = load_file(self._folder / "voices.safetensors")
        return {voice.name: packs[voice.name].astype(np.float32) for voice in self.voices}

    def named(self, name: str) -> Voice | None:
        """The voice with this name or alias."""
        return self._named.get(name)

    def knows(self, specification: str) -> bool:
        """Whether it names a voice that ships, or a blend of such."""
        try:
            self.parse(specification)
        except InvalidInput:
            return False
        return True

    def recording(self, voice: Voice) -> Path:
        """A recording of the voice, for models that take their voice from one."""
        return self._folder / "recordings" / f"{voice.name}.flac"

    def _part(self, part: str) -> tuple[Voice, float]:
        name, colon, given = part.partition(":")
        voice = self._named.get(name.strip())
        if voice is None:
            known = ", ".join(self._named)
            if "," in name:
                raise _bad(_JOINED_BY_PLUS)
            raise _bad(f"There is no voice {name.strip()[:40]!r}. Known voices: {known}.")
        if not colon:
            return voice, 1.0
        try:
            weight = float(given)
        except ValueError:
            weight = math.nan
        if "," in given:
            raise _bad(_JOINED_BY_PLUS)
        if not (math.isfinite(weight) and weight > 0):
            raise _bad(f"The weight of {voice.name} must be a number above 0.")
        return voice, weight


@lru_cache(maxsize=8)
def catalogue(checkpoints: Path) -> Catalogue:
    """The catalogue of a checkpoints folder, read once per process."""
    return Catalogue(checkpoints)


def _bad(message: str) -> InvalidInput:
    return InvalidInput("voice", message, code="unknown_voice")
