"""The recordings that ship: takes of single events, of notes, and of sounds that go on."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 24_000
FILES = Path(__file__).with_name("takes")


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """`wave` float32 `[samples]` at `RATE`, read-only. `pitch` in Hz, 0 where it plays no note."""

    wave: NDArray[np.float32]
    pitch: float

    @property
    def seconds(self) -> float:
        return len(self.wave) / RATE


@dataclass(frozen=True, slots=True)
class Place:
    """Where a take lies in the file of its kind, and where it came from."""

    kind: str
    first: int
    samples: int
    pitch: float
    origin: str
    author: str
    licence: str


@functools.cache
def places() -> tuple[Place, ...]:
    """All takes, in the order of the table."""
    with (FILES / "takes.tsv").open(encoding="utf-8") as lines:
        return tuple(
            Place(
                row["kind"],
                int(row["first"]),
                int(row["samples"]),
                float(row["pitch"]),
                row["origin"],
                row["author"],
                row["licence"],
            )
            for row in csv.DictReader(lines, delimiter="\t")
        )


@functools.cache
def takes(kind: str) -> tuple[Take, ...]:
    """The takes of a kind, read when it is first played and kept: 24 MB if all are."""
    wave, _ = soundfile.read(FILES / f"{kind}.flac", dtype="float32")
    wave.setflags(write=False)
    return tuple(
        Take(wave[place.first : place.first + place.samples], place.pitch)
        for place in places()
        if place.kind == kind
    )
