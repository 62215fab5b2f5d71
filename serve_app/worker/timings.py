"""Timings of a clip, carried along with the data through the stages."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from pipelines.protocol import Word

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StageTiming:
    """One segment in one stage: seconds queued, seconds computed, members of its batch."""

    stage: str
    queued: float
    seconds: float
    batch: int


@dataclass(frozen=True, slots=True)
class Timed(Generic[T]):
    """A value with the timings of its computation."""

    value: T
    timings: tuple[StageTiming, ...] = ()
    words: tuple[Word, ...] = ()
    """What is said in a waveform, where the model knows."""


@dataclass(slots=True)
class ClipTimings:
    """The timings of one attempt at a clip, summed over its segments, in seconds."""

    segments: int = 0
    note: str = ""
    """What the frontend tells the user; kept with the timings."""
    sounds: tuple[str, ...] = ()
    """The kinds of sound that it understood; kept with them too."""
    words: list[Word] = field(default_factory=list)
    """When each word is said, in seconds of the clip."""
    first_audio: float | None = None
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    start: float = field(default_factory=time.monotonic)
    """When the clip was claimed, by the monotonic clock."""

    def add(self, timings: Iterable[StageTiming]) -> None:
        for timing in timings:
            entry = self.stages.setdefault(timing.stage, {"queued": 0.0, "seconds": 0.0})
            entry["queued"] += timing.queued
            entry["seconds"] += timing.seconds

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Adds the duration of the block to a stage that runs in the worker itself."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.add([StageTiming(stage, 0.0, time.monotonic() - start, 1)])

    def place_words(self, words: Iterable[Word], start: float) -> None:
        """Adds the words of a segment that begins so many seconds into the clip."""
        self.words += (
            replace(word, start=start + word.start, stop=start + word.stop) for word in words
        )

    def mark_audio(self) -> None:
        if self.first_audio is None:
            self.first_audio = self.elapsed()

    def elapsed(self) -> float:
        return time.monotonic() - self.start

    def summary(self) -> dict[str, Any]:
        """As stored with the clip and returned by the API."""
        rounded = {
            stage: {name: round(seconds, 4) for name, seconds in entry.items()}
            for stage, entry in self.stages.items()
        }
        told = {"note": self.note, "sounds": list(self.sounds)}
        return {
            **{name: value for name, value in told.items() if value},
            "segments": self.segments,
            "first_audio_seconds": round(self.first_audio or 0.0, 4),
            "total_seconds": round(self.elapsed(), 4),
            "stages": rounded,
        }
