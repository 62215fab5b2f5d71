"""Sound files as libsndfile reads them, in this process: it is bounded by what it is given."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time

import numpy as np
import soundfile
from typing_extensions import Buffer

from pipelines.audio.readers import BLOCK, LEAST_SPEED, START_SECONDS, Block, Fault, Unreadable

_READ = {"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3", "AIFF", "CAF", "AU", "W64"}
_UNSUPPORTED = {4, 18}
"""Of libsndfile's errors: a container that it knows with a codec that it does not."""
_UNKNOWN_FRAMES = 2**62
"""libsndfile gives the largest number there is for a length that is not known. That of an MP3 file
without an Info frame it guesses."""


class Bounded(io.BytesIO):
    """A file that may take so much computing, in seconds of this thread, and then just ends:
    libsndfile reads often, whatever it is searching for, and takes no other answer."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._allowed_until = thread_time() + START_SECONDS
        self.cut = False
        """Whether it has ended for that."""

    def played(self, seconds: float) -> None:
        """It has turned out to hold more audio, and may take more."""
        self._allowed_until += seconds / LEAST_SPEED

    def readinto(self, buffer: Buffer, /) -> int:
        self.cut = self.cut or thread_time() > self._allowed_until
        return 0 if self.cut else super().readinto(buffer)

    def tell(self) -> int:
        """The end, once the file has ended: the parser of CAF asks for nothing else."""
        return len(self.getbuffer()) if self.cut else super().tell()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return -1  # before the start: what libsndfile takes for a failure


class LibsndfileReader:
    """An open file."""

    def __init__(self, content: Bounded, file: soundfile.SoundFile) -> None:
        self._content = content
        self._file = file
        self.sample_rate: int = file.samplerate
        self.channels: int = file.channels
        stated = file.frames < _UNKNOWN_FRAMES and file.format != "MP3"
        self.frames: int | None = file.frames if stated else None

    def blocks(self) -> Iterator[Block]:
        buffer = np.empty((BLOCK, self.channels), np.float32)
        while len(block := self._read(buffer)):
            self._content.played(len(block) / self.sample_rate)
            yield block
        if self._content.cut:
            raise Unreadable(Fault.TOO_SLOW)

    def _read(self, buffer: Block) -> Block:
        buffer[:] = np.nan
        try:
            block: Block = self._file.read(out=buffer)
        except soundfile.SoundFileError as error:
            if self._file.frames >= _UNKNOWN_FRAMES:
                # At the end of a FLAC file that does not state its length a seek fails, after
                # reading.
                return buffer[: int(np.isfinite(buffer[:, 0]).sum())]
            raise Unreadable(Fault.DAMAGED) from error
        return block


@contextmanager
def opened(data: bytes) -> Iterator[LibsndfileReader]:
    """The file, for the block. Raises Unreadable: UNSUPPORTED where only its codec is unknown."""
    content = Bounded(data)
    try:
        file = soundfile.SoundFile(content)
    except soundfile.LibsndfileError as error:
        known = Fault.UNSUPPORTED if error.code in _UNSUPPORTED else Fault.NOT_AUDIO
        raise Unreadable(Fault.TOO_SLOW if content.cut else known) from error
    with file:
        if file.format not in _READ:
            raise Unreadable(Fault.NOT_AUDIO)
        yield LibsndfileReader(content, file)
