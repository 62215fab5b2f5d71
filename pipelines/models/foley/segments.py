"""What flows between the stages. Imports no torch: segments also pass through other processes."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.models.foley.reading.courses import Course
from pipelines.protocol import Acoustic, Segment
from pipelines.units import Samples


@dataclass(frozen=True, slots=True)
class Layer:
    """One kind of sound in a clip. `traits` are those that the description names, -1 or 1 each."""

    kind: str
    traits: dict[str, int]
    count: int | None = None
    """Events, where the description counts them."""
    courses: tuple[Course, ...] = ()
    level: float = 0.0
    """dB over a sound of which the description does not tell how loud it is."""
    start: float = 0.0
    end: float = 1.0
    """Shares of the clip."""


@dataclass(frozen=True, slots=True)
class FoleySegment(Segment):
    """A sound of `length` samples."""

    length: Samples
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class FoleyAcoustic(Acoustic):
    """The same for the last stage, which computes the samples."""

    length: Samples
    layers: tuple[Layer, ...]
