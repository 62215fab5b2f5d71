"""Recordings that people send: from the bytes of a file to one channel of samples.

The header of a file is not trusted where that could cost memory or time. The file is read block by
block and left as soon as it is longer than it may be, or takes more computing than a recording of
its length does. Imports no torch.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from typing_extensions import Buffer

from pipelines.audio.recording import Recording
from pipelines.protocol import InvalidInput, Waveform

FORMATS = "WAV, MP3, FLAC or Ogg (Vorbis or Opus)"
CHANNELS = (1, 2)
SAMPLE_RATES = (8_000, 192_000)
HIGHEST_KEPT = 48_000
"""Hz. No model hears beyond it, so that a higher rate is brought down while it is read."""

START_SECONDS = 0.5
LEAST_SPEED = 50.0
"""Computing that a file may take: these seconds, and one more for so many seconds that it plays. On
one core of a laptop it is 150 seconds at least, mostly more than 1,000."""

_BLOCK = 65_536
_READ = {"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3"}
_UNKNOWN_FRAMES = 2**62
"""libsndfile gives the largest number there is for a length that is not known. That of an MP3 file
without an Info frame it guesses."""


def decode(
    data: bytes, field: str, longest_seconds: float, shortest_seconds: float = 0.0
) -> Recording:
    """The recording in a WAV, MP3, FLAC or Ogg file: the mean of its channels, float32 in [-1, 1].

    At its own sample rate, or 48 kHz if that is less. Raises InvalidInput for `field`, with the
    codes `not_audio`, `unsupported_audio`, `bad_audio`, `audio_too_short` and `audio_too_long`.
    """
    _check_kind(data, field)
    content = _Bounded(data)
    with _opened(content, field) as file:
        _check_shape(file, field)
        length = _Length(field, longest_seconds, shortest_seconds)
        if _is_stated(file) and length.above(file.frames, file.samplerate):
            raise length.refused("audio_too_long")
        rate = min(file.samplerate, HIGHEST_KEPT)
        # Untouched pages take no memory: room for the longest costs what the file really holds.
        samples = np.empty(int(longest_seconds * rate) + _BLOCK, np.float32)
        filled = 0
        for block in _blocks(file, rate, field):
            if length.above(filled + len(block), rate):
                raise length.refused("audio_too_long")
            samples[filled : filled + len(block)] = block
            filled += len(block)
            content.played(len(block) / rate)
    if content.cut:
        message = f"The {field} recording takes too long to read: most of its file is no audio."
        raise InvalidInput(field, message, "bad_audio")
    samples.resize(filled, refcheck=False)
    if not filled or filled / rate < shortest_seconds:
        raise length.refused("audio_too_short")
    return Recording(samples, rate)


class _Bounded(io.BytesIO):
    """A file that may take so much computing, in seconds of this thread, and then just ends:
    libsndfile reads often, whatever it is searching for, and takes no other answer."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._allowed_until = time.thread_time() + START_SECONDS
        self.cut = False
        """Whether it has ended for that."""

    def played(self, seconds: float) -> None:
        """It has turned out to hold more audio, and may take more."""
        self._allowed_until += seconds / LEAST_SPEED

    def readinto(self, buffer: Buffer, /) -> int:
        self.cut = self.cut or time.thread_time() > self._allowed_until
        return 0 if self.cut else super().readinto(buffer)


class _Length:
    """How long a recording may be, and the one sentence that says so."""

    def __init__(self, field: str, longest: float, shortest: float) -> None:
        self._field = field
        self._longest = longest
        self._shortest = shortest

    def above(self, samples: int, sample_rate: int) -> bool:
        return samples > self._longest * sample_rate

    def refused(self, code: str) -> InvalidInput:
        longest = f"{self._longest:g} seconds"
        message = f"The {self._field} recording must last {self._shortest:g} to {longest}."
        return InvalidInput(self._field, message, code)


def _check_kind(data: bytes, field: str) -> None:
    """By the first bytes of the file, so that libsndfile's many other formats are never tried."""
    head = data[:12]
    mpeg_sync = head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE0 == 0xE0
    aac = mpeg_sync and head[1] & 0x06 == 0
    known = head[:4] in {b"RIFF", b"RF64", b"fLaC", b"OggS"} or head[:3] == b"ID3"
    if known or (mpeg_sync and not aac):
        return
    others = {
        "M4A, MP4 or QuickTime": head[4:8] in {b"ftyp", b"moov", b"mdat"},
        "AAC": aac or head[:4] == b"ADIF",
        "WebM or Matroska": head[:4] == b"\x1a\x45\xdf\xa3",
        "Windows Media": head[:4] == b"\x30\x26\xb2\x75",
        "AIFF": head[:4] == b"FORM",
    }
    for name, found in others.items():
        if found:
            message = f"The {field} file is {name}, which cannot be read here. Send {FORMATS}."
            raise InvalidInput(field, message, "unsupported_audio")
    raise _not_audio(field)


@contextmanager
def _opened(content: _Bounded, field: str) -> Iterator[soundfile.SoundFile]:
    """The file, while nothing that libsndfile finds wrong with it goes further than here."""
    try:
        file = soundfile.SoundFile(content)
    except soundfile.SoundFileError as error:
        raise _not_audio(field) from error
    with file:
        if file.format not in _READ:
            raise _not_audio(field)
        yield file


def _is_stated(file: soundfile.SoundFile) -> bool:
    """Whether the file says how long it is."""
    return bool(file.frames < _UNKNOWN_FRAMES and file.format != "MP3")


def _check_shape(file: soundfile.SoundFile, field: str) -> None:
    fewest, most = CHANNELS
    if not fewest <= file.channels <= most:
        message = f"The {field} recording must have {fewest} or {most} channels, not {{}}."
        raise InvalidInput(field, message.format(file.channels), "bad_audio")
    lowest, highest = SAMPLE_RATES
    if not lowest <= file.samplerate <= highest:
        message = f"The sample rate of the {field} recording must be from {lowest} to {highest} Hz."
        raise InvalidInput(field, message, "bad_audio")


def _blocks(file: soundfile.SoundFile, rate: int, field: str) -> Iterator[Waveform]:
    """The samples of the file in one channel at `rate` (Hz), until it ends."""
    resampler = None
    if rate != file.samplerate:
        resampler = soxr.ResampleStream(file.samplerate, rate, 1, dtype="float32")
    buffer = np.empty((_BLOCK, file.channels), np.float32)
    last = False
    while not last:
        block = _read(file, buffer, field)
        last = not len(block)
        mono = np.clip(block, -1, 1).mean(axis=1, dtype=np.float32)
        if resampler is not None:
            mono = np.clip(resampler.resample_chunk(mono, last=last), -1, 1)
        if len(mono):
            yield mono


def _read(
    file: soundfile.SoundFile, buffer: NDArray[np.float32], field: str
) -> NDArray[np.float32]:
    buffer[:] = np.nan
    try:
        block: NDArray[np.float32] = file.read(out=buffer)
    except soundfile.SoundFileError as error:
        if file.frames >= _UNKNOWN_FRAMES:
            # At the end of a FLAC file that does not state its length a seek fails, after reading.
            return buffer[: int(np.isfinite(buffer[:, 0]).sum())]
        message = f"The {field} recording is damaged and cannot be read to its end."
        raise InvalidInput(field, message, "bad_audio") from error
    if not np.isfinite(block).all():
        message = f"The {field} recording holds samples that are not finite numbers."
        raise InvalidInput(field, message, "bad_audio")
    return block


def _not_audio(field: str) -> InvalidInput:
    message = f"The {field} file holds no recording that can be read. Send {FORMATS}."
    return InvalidInput(field, message, "not_audio")
