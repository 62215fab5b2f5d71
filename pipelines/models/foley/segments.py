"""What flows between the stages. Imports no torch: segments also pass through other processes."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.protocol import Acoustic, Segment


@dataclass(frozen=True, slots=True)
class Layer:
    """One kind of sound in a clip. `traits` are those that the description tells, -1 or 1 each."""

    kind: str
    traits: dict[str, int]


@dataclass(frozen=True, slots=True)
class FoleySegment(Segment):
    """A sound of so many samples, which `length` counts."""

    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class FoleyAcoustic(Acoustic):
    """The same for the last stage, which computes the samples."""

    layers: tuple[Layer, ...]
