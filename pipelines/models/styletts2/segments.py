"""What flows between the stages of text to speech. All arrays are numpy: they cross processes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.audio.edges import WHOLE, Edges
from pipelines.audio.inner_pauses import Mark
from pipelines.protocol import Acoustic, Segment, Word
from pipelines.requests.speech import Sampling
from pipelines.units import AlignmentFrames, Tokens

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WordTokens:
    """A word of a chunk: characters `begin` to `end` of the text of the request, and the tokens
    from `first` to before `last`."""

    begin: int
    end: int
    said: str
    first: int
    last: int

    def moved(self, tokens: int) -> WordTokens:
        """The same word behind so many more tokens."""
        return replace(self, first=self.first + tokens, last=self.last + tokens)


@dataclass(frozen=True, slots=True)
class MarkTokens:
    """A mark inside a chunk: the tokens from `first` to before `last` lie between two words. The
    least and the longest pause there, in seconds at speed 1."""

    first: int
    last: int
    least: float
    longest: float


@dataclass(frozen=True, slots=True)
class SpeechSegment(Segment):
    """One chunk of text."""

    length: Tokens
    text: str
    tokens: NDArray[np.int64]
    """As the model reads them, `[tokens]`."""
    style: Floats | None
    """`[2 · style]`: the decoder's half, then the predictor's. The style spoken with, or where
    styles are sampled that of the reference recording, if the model takes one."""
    speed: float
    gain: float = 1.0
    """What the waveform is multiplied by: voices speak at different levels of their own."""
    edges: Edges = WHOLE
    """What becomes of the silence around it."""
    sampling: Sampling | None = None
    """How the style is sampled; None where it is given."""
    previous: Floats | None = None
    """The style of the sentence before, which a sentence of a long text continues."""
    words: tuple[WordTokens, ...] = ()
    marks: tuple[MarkTokens, ...] = ()
    """In their order."""
    lead: Tokens = 0
    trail: Tokens = 0
    """Tokens behind the first and before the last that belong to the segments on both sides: they
    are spoken along, and not heard. See `neighbours`."""


@dataclass(frozen=True, slots=True)
class SpeechAcoustic(Acoustic):
    """What the decoder speaks."""

    length: AlignmentFrames
    asr: Floats
    """`[hidden, frames]`."""
    f0: Floats
    """`[2 · frames]`, Hz."""
    energy: Floats
    """`[2 · frames]`."""
    style: Floats
    """The decoder's half, `[style]`."""
    gain: float = 1.0
    cut: int = 0
    """Samples to be dropped at the end."""
    stretch: float = 1.0
    """How many times as fast the waveform is played, at the same pitch."""
    edges: Edges = WHOLE
    carried: Floats | None = None
    """`[2 · style]`: what the next sentence goes on from, in long form."""
    words: tuple[Word, ...] = ()
    """Their times are those in the waveform before it is cut and played at another speed."""
    marks: tuple[Mark, ...] = ()
    """As the words, in such times."""
    gate: Floats | None = None
    """Of any length, evenly over the waveform: what that is multiplied by, 0 for silence."""
    skip_start: AlignmentFrames = 0
    skip_end: AlignmentFrames = 0
    """Frames at both ends that are computed and not heard: they belong to the neighbours."""


def following(segment: SpeechSegment, acoustic: SpeechAcoustic) -> SpeechSegment:
    """`segment` as it goes on from the sentence before it, of a text spoken in long form."""
    return replace(segment, previous=acoustic.carried)
