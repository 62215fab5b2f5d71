"""Recordings that people send: from the bytes of a file to one channel of samples.

The header of a file is not trusted where that could cost memory or time. The file is read block by
block and left as soon as it is longer than it may be, or takes more computing than a recording of
its length does. libsndfile reads what it knows; FFmpeg reads the rest, in a process of its own.
Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import soxr

from pipelines.audio import ffmpeg_reader, libsndfile_reader
from pipelines.audio.channels import ChannelPowers, Mix
from pipelines.audio.file_kinds import WAV, Kind, kind_of, without_tags
from pipelines.audio.readers import BLOCK, Block, Fault, Reader, Unreadable
from pipelines.audio.recording import Recording
from pipelines.audio.wav_chunks import mended
from pipelines.protocol import InvalidInput, Waveform

FORMATS = "WAV, MP3, FLAC, Ogg, M4A, AAC, WebM, 3GP, AMR, AIFF, CAF or AU"
CHANNELS = (1, 8)
SAMPLE_RATES = (8_000, 192_000)
HIGHEST_KEPT = 48_000
"""Hz. No model hears beyond it, so that a higher rate is brought down while it is read."""


def decode(
    data: bytes, field: str, longest_seconds: float, shortest_seconds: float = 0.0
) -> Recording:
    """The recording in a sound file (`FORMATS`) in one channel, float32 in [-1, 1].

    At its own sample rate, or 48 kHz if that is less. It is the mean of the channels
    (`pipelines.audio.channels` has the exceptions); floats beyond full scale are brought down as a
    whole. Raises InvalidInput for `field`, with the codes `not_audio`, `unsupported_audio`,
    `bad_audio`, `audio_too_short` and `audio_too_long`.
    """
    data = without_tags(data)
    kind = kind_of(data)
    if kind is None:
        raise _refused(Fault.NOT_AUDIO, field, kind)
    if kind is WAV:
        data = mended(data)
    length = _Length(field, longest_seconds, shortest_seconds)
    try:
        heard = _heard(kind, data, length, None)
        alone = heard.powers.strongest_alone()
        if alone is not None:
            heard = _heard(kind, data, length, alone)
    except Unreadable as error:
        raise _refused(error.fault, field, kind) from error
    samples = heard.samples
    if not len(samples) or len(samples) / heard.sample_rate < shortest_seconds:
        raise length.refused("audio_too_short")
    gain = 1.0 if alone else heard.powers.gain()
    samples *= np.float32(gain / max(1.0, gain * heard.peak))
    np.clip(samples, -1, 1, out=samples)
    return Recording(samples, heard.sample_rate)


class _Length:
    """How long a recording may be, and the one sentence that says so."""

    def __init__(self, field: str, longest: float, shortest: float) -> None:
        self.field = field
        self.longest = longest
        self._shortest = shortest

    def above(self, samples: int, sample_rate: int) -> bool:
        return samples > self.longest * sample_rate

    def refused(self, code: str) -> InvalidInput:
        longest = f"{self.longest:g} seconds"
        message = f"The {self.field} recording must last {self._shortest:g} to {longest}."
        return InvalidInput(self.field, message, code)


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """A file that was read: `peak` is the largest magnitude of the mix."""

    samples: Waveform
    sample_rate: int
    peak: float
    powers: ChannelPowers


@contextmanager
def _opened(kind: Kind, data: bytes, longest: float) -> Iterator[Reader]:
    """Raises Unreadable."""
    with ExitStack() as stack:
        reader: Reader | None = None
        if kind.sndfile:
            try:
                reader = stack.enter_context(libsndfile_reader.opened(data))
            except Unreadable as error:
                if error.fault is not Fault.UNSUPPORTED:
                    raise
                if kind.demuxer is None:
                    raise Unreadable(Fault.NOT_AUDIO) from error
        if reader is None:
            if kind.demuxer is None:
                raise Unreadable(Fault.UNSUPPORTED)
            reader = stack.enter_context(ffmpeg_reader.opened(data, kind.demuxer, longest))
        yield reader


def _heard(kind: Kind, data: bytes, length: _Length, mix: Mix | None) -> _Heard:
    """The whole file, as `mix` or the mean of its channels. Raises Unreadable, InvalidInput."""
    with _opened(kind, data, length.longest) as reader:
        _check_shape(reader, length.field)
        if reader.frames is not None and length.above(reader.frames, reader.sample_rate):
            raise length.refused("audio_too_long")
        mixer = _Mixer(reader, mix or Mix.mean(reader.channels), length.field)
        rate = mixer.rate
        # Untouched pages take no memory: room for the longest costs what the file really holds.
        samples = np.empty(int(length.longest * rate) + BLOCK, np.float32)
        filled = 0
        for block in mixer.blocks():
            if length.above(filled + len(block), rate):
                raise length.refused("audio_too_long")
            samples[filled : filled + len(block)] = block
            filled += len(block)
    samples.resize(filled, refcheck=False)
    return _Heard(samples, rate, mixer.peak, mixer.powers)


class _Mixer:
    """One channel of a file, at a rate that is kept (`rate`, Hz)."""

    def __init__(self, reader: Reader, mix: Mix, field: str) -> None:
        self.rate = min(reader.sample_rate, HIGHEST_KEPT)
        self.powers = ChannelPowers(reader.channels)
        self.peak = 0.0
        self._reader = reader
        self._mix = mix
        self._field = field

    def blocks(self) -> Iterator[Waveform]:
        """Raises Unreadable, and InvalidInput where samples are no numbers."""
        resampler = None
        if self.rate != self._reader.sample_rate:
            resampler = soxr.ResampleStream(self._reader.sample_rate, self.rate, 1, dtype="float32")
        for block in self._reader.blocks():
            mono = self._mixed(block)
            yield mono if resampler is None else resampler.resample_chunk(mono)
        if resampler is not None:
            yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)

    def _mixed(self, block: Block) -> Waveform:
        if not np.isfinite(block).all():
            message = f"The {self._field} recording holds samples that are not finite numbers."
            raise InvalidInput(self._field, message, "bad_audio")
        mono = self._mix.of(block)
        self.powers.add(block)
        self.peak = max(self.peak, float(np.abs(mono).max(initial=0.0)))
        return mono


def _check_shape(reader: Reader, field: str) -> None:
    fewest, most = CHANNELS
    if not fewest <= reader.channels <= most:
        message = f"The {field} recording must have {fewest} to {most} channels, not {{}}."
        raise InvalidInput(field, message.format(reader.channels), "bad_audio")
    lowest, highest = SAMPLE_RATES
    if not lowest <= reader.sample_rate <= highest:
        message = f"The sample rate of the {field} recording must be from {lowest} to {highest} Hz."
        raise InvalidInput(field, message, "bad_audio")


def _refused(fault: Fault, field: str, kind: Kind | None) -> InvalidInput:
    if fault is Fault.UNSUPPORTED and kind is not None:
        message = f"The {field} file is {kind.name}, of a kind that cannot be read here."
        return InvalidInput(field, f"{message} Send {FORMATS}.", "unsupported_audio")
    if fault is Fault.DAMAGED:
        message = f"The {field} recording is damaged and cannot be read to its end."
        return InvalidInput(field, message, "bad_audio")
    if fault is Fault.TOO_SLOW:
        message = f"The {field} recording takes too long to read: most of its file is no audio."
        return InvalidInput(field, message, "bad_audio")
    message = f"The {field} file holds no recording that can be read. Send {FORMATS}."
    return InvalidInput(field, message, "not_audio")
