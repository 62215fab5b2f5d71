"""The protocol every pipeline follows: segments flow through three stages in one direction.

    request ─► Frontend.prepare ─► Diffusion.begin/step/finish ─► Vocoder.synthesize
            ─► Joiner ─► audio

A pipeline subclasses the dataclasses below with what its own stages need. The rule that every
pipeline must keep: what a stage returns for a member of a batch equals what it returns for that
member alone. This module imports no torch, so that the HTTP process can use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Waveform = NDArray[np.float32]
"""Mono samples in [-1, 1], `[samples]`, at the sample rate of the pipeline's vocoder."""


class InvalidInput(ValueError):
    """The request itself cannot be served. `field` names the part of the request at fault."""

    def __init__(self, field: str, message: str, code: str = "invalid_input") -> None:
        super().__init__(field, message, code)
        self.field = field
        self.message = message
        self.code = code

    def __str__(self) -> str:
        return self.message


class Request:
    """What a clip is made from; each pipeline has its own kind.

    A request without its recordings can be checked, but not prepared: they may still have to be
    fetched.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """How words of a text are said wherever they are written: as other words, or with sounds."""

    written: str
    alias: str = ""
    ipa: str = ""
    """Instead of an alias."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A part of a text with a voice of its own: from the end of the part before it to the character
    `end`."""

    voice: str
    end: int


@dataclass(frozen=True, slots=True)
class SpeechRequest(Request):
    """Text to be spoken. `speed` divides durations; `seed` fixes all noise of the clip. Markup in a
    `literal` text is read as it is written. Where there are `turns`, theirs are the voices.
    """

    text: str
    voice: str
    speed: float = 1.0
    seed: int = 0
    literal: bool = False
    pronunciations: tuple[Pronunciation, ...] = ()
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Word:
    """A written word and when it is said. `begin` and `end` count characters of the text of the
    request, `start` and `stop` seconds."""

    begin: int
    end: int
    said: str
    """As it is said: `five dollars` for `$5`."""
    start: float
    stop: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """The waveform of one segment, and the words in it, whose times count from its first sample."""

    waveform: Waveform
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """The unit that flows: one text chunk, one window of source audio or one prompt.

    `length` is its padded length in the diffusion stage, in the unit that each kind of segment
    names (see `units`): segments of close lengths share a batch.
    """

    index: int
    seed: int
    length: int
    note: str = field(default="", kw_only=True)
    """What the user should know of how the request was understood."""
    sounds: tuple[str, ...] = field(default=(), kw_only=True)
    """The kinds of sound that a description was understood as, in its order."""


@dataclass(slots=True)
class State:
    """A segment inside the diffusion stage. `steps_left` is 0 when it may be finished."""

    segment: Segment
    steps_left: int


@dataclass(frozen=True, slots=True)
class Acoustic:
    """What the vocoder needs of one segment. `length` is in the unit that each kind names."""

    index: int
    seed: int
    length: int


class Frontend(Protocol):
    """Turns requests into segments (text analysis, tokens, conditioning)."""

    def prepare(self, requests: Sequence[Any]) -> Sequence[Sequence[Segment]]:
        """One sequence of segments per request, in order. Raises InvalidInput."""
        ...


class Diffusion(Protocol):
    """Turns segments into acoustic features, one denoising step at a time."""

    def begin(self, segments: Sequence[Any]) -> Sequence[State]:
        """Conditioning and initial noise, each from its segment's own seed."""
        ...

    def step(self, states: Sequence[Any]) -> None:
        """Advance each state by one step; they may be at different steps and lengths."""
        ...

    def finish(self, states: Sequence[Any]) -> Sequence[Acoustic]:
        """Acoustic features of states with no steps left."""
        ...


class Vocoder(Protocol):
    """Turns acoustic features into waveforms."""

    sample_rate: int

    def synthesize(self, acoustics: Sequence[Any]) -> list[Waveform]:
        """One waveform per member, in order."""
        ...


@runtime_checkable
class Speaker(Protocol):
    """A vocoder that knows when its words are said."""

    def utter(self, acoustics: Sequence[Any]) -> list[Utterance]:
        """One utterance per member, in order."""
        ...


@runtime_checkable
class SideBySide(Protocol):
    """A vocoder that several threads may use at once."""

    same_by_any_threads: bool
    """Whether its samples are the same, to the last bit, by whatever number of torch's threads."""


def uttered(vocoder: Vocoder, acoustics: Sequence[Any]) -> list[Utterance]:
    """What any vocoder makes of a batch."""
    if isinstance(vocoder, Speaker):
        return vocoder.utter(acoustics)
    return [Utterance(waveform) for waveform in vocoder.synthesize(acoustics)]


@runtime_checkable
class HasExample(Protocol):
    """A stage that can try itself, because its first computation takes longer than later ones:
    weights are read from the disk and kernels are made."""

    def example(self) -> Any:
        """A short input of the usual kind."""
        ...


class Joiner(Protocol):
    """Joins the waveforms of a clip's segments, given in order, into one stream of samples."""

    def add(self, waveform: Waveform) -> Waveform:
        """The samples that can be sent on now that this segment is here."""
        ...

    def close(self) -> Waveform:
        """The samples held back until the end."""
        ...
