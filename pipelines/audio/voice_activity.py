"""Where in a recording somebody speaks, told from noise, hums, tones and chords.

In speech the spectrum changes from sound to sound. About each frame, within half a second, the
shape of the spectrum is measured as in `pipelines.audio.speech_check`: how far it spreads, and how
much it changes from frame to frame. Noise keeps its shape and only trembles about it; tones and
hums keep theirs. What is held (a sung vowel) belongs to the speech that it follows or leads to, for
a second, as long as it has a pitch. A recording of less than a second is too short for this: there,
what has a pitch counts. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipelines.audio.recording import Recording, at_rate
from pipelines.audio.speech_check import (
    FRAME,
    HOP,
    PERIODIC,
    RATE,
    framed,
    periodicity,
    power_spectra,
    spectral_shapes,
)
from pipelines.protocol import Waveform

FRAME_SECONDS = HOP / RATE

_LEAST_LEVEL = -80.0
"""dBFS below which a frame is silent."""
_BELOW_LOUDEST = 40.0
"""dB below the loudest fifth of a second from which on a frame is silent."""
_LOUDEST_FRAMES = 10
_AROUND = 25
"""Frames on either side of one from which its surroundings are measured (half a second)."""
_LEAST_ACTIVE = 8
"""Frames that are not silent, among those."""
_LEAST_SPREAD = 2.9
"""Standard deviation of a band's level against the others, dB: 6 and more in speech, 3 to 5 where
noise is as loud; at most 2.6 in a minute of noise, 1.7 in chords."""
_LEAST_CHANGE = 2.25
"""Mean change of that from frame to frame, dB: 3 to 5 in speech, below 2.2 in melodies."""
_HELD = 50
"""Frames for which a sound is held at most (a second): a hum goes on for longer."""
_SHORT_SECONDS = 1.0
_MARGIN = 8
"""Frames about speech that count as speech: weak ends, and the closures of stops."""
_CHUNK = 500
"""Frames that are measured at a time (10 s)."""

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]


def speech_frames(recording: Recording) -> Mask:
    """`[frames]` of FRAME_SECONDS, true where somebody speaks."""
    return np.concatenate(list(_chunks(recording)) or [np.zeros(0, bool)])


def has_speech(recording: Recording) -> bool:
    """Whether somebody speaks anywhere; looks no further than to the first that does."""
    return any(chunk.any() for chunk in _chunks(recording))


def speech_gate(recording: Recording, times: NDArray[np.floating]) -> Floats:
    """1 where somebody speaks, 0 elsewhere, at moments of the recording (seconds)."""
    speech = speech_frames(recording)
    places = np.clip((times / FRAME_SECONDS).astype(int), 0, len(speech) - 1)
    gate: Floats = speech[places].astype(np.float32)
    return gate


def _chunks(recording: Recording) -> Iterator[Mask]:
    """The frames in order, some at a time."""
    wave = at_rate(recording, RATE)
    count = max(0, len(wave) - FRAME) // HOP + 1
    starts = range(0, count, _CHUNK)
    cuts = (_cut(wave, first, min(count, first + _CHUNK)) for first in starts)
    levels = np.concatenate([_levels(cut) for cut in cuts])
    loudest = float(np.sort(levels)[-_LOUDEST_FRAMES:][0])
    active = levels > max(_LEAST_LEVEL, loudest - _BELOW_LOUDEST)
    short = recording.seconds < _SHORT_SECONDS
    beside = _AROUND + _HELD + _MARGIN
    for first in starts:
        begin, end = max(0, first - beside), min(count, first + _CHUNK + beside)
        speech = np.zeros(end - begin, bool)
        if active[begin:end].any():
            speech = _speech(_cut(wave, begin, end), active[begin:end], short)
        yield speech[first - begin : first - begin + _CHUNK]


def _cut(wave: Waveform, first: int, last: int) -> Floats:
    """Frames `first` to `last` (exclusive) of a wave: `[frames, samples]`."""
    return framed(wave[first * HOP : (last - 1) * HOP + FRAME])


def _levels(frames: Floats) -> Floats:
    """dBFS."""
    return np.asarray(10 * np.log10(np.mean(frames**2, axis=1) + 1e-12), np.float32)


def _speech(frames: Floats, active: Mask, short: bool) -> Mask:
    spectra = power_spectra(frames)
    voiced = active & (periodicity(spectra) > PERIODIC)
    speech = voiced if short else _held(_changing(spectral_shapes(spectra), active), voiced)
    return np.convolve(speech, np.ones(2 * _MARGIN + 1), "same") > 0.5


def _changing(shapes: Floats, active: Mask) -> Mask:
    """Active frames about which the spectrum changes as in speech."""
    counted, means = _local_mean(shapes, active)
    _, squares = _local_mean(shapes**2, active)
    spread = np.sqrt(np.maximum(squares - means**2, 0)).mean(axis=1)
    steps = np.abs(np.diff(shapes, axis=0, append=shapes[-1:])).mean(axis=1)
    pairs = active & np.append(active[1:], False)
    _, change = _local_mean(steps[:, None], pairs)
    enough = counted >= _LEAST_ACTIVE
    found: Mask = active & enough & (spread >= _LEAST_SPREAD) & (change[:, 0] >= _LEAST_CHANGE)
    return found


def _local_mean(values: Floats, mask: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """About each frame, how many frames are in the mask and the mean of their values."""
    sums = np.cumsum(np.where(mask[:, None], values, 0.0), axis=0, dtype=np.float64)
    counts = np.cumsum(mask, dtype=np.float64)
    frames = np.arange(len(mask))
    last = np.minimum(frames + _AROUND, len(mask) - 1)
    before = frames - _AROUND - 1
    inside = before >= 0
    counted = counts[last] - np.where(inside, counts[before], 0)
    summed = sums[last] - np.where(inside[:, None], sums[before], 0)
    return counted, summed / np.maximum(counted, 1)[:, None]


def _held(speech: Mask, voiced: Mask) -> Mask:
    """Speech, and what is voiced without a break from it on or up to it, for so long."""
    edges = np.flatnonzero(np.diff(voiced, prepend=False, append=False))
    held = speech.copy()
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        near = np.convolve(speech[start:stop], np.ones(2 * _HELD + 1), "full") > 0.5
        held[start:stop] |= near[_HELD : _HELD + stop - start]
    return held
