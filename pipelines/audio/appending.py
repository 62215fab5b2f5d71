"""The streaming layout of the containers: bytes that never change once they are written.

libsndfile states sizes in a header that it completes at the end. Someone who listens meanwhile has
that header already, so it has to do without them, as in what encoders write into pipes. The file
that is stored is complete all the same; what a listener gets differs from it at its start:

- WAV: both sizes are 0xFFFFFFFF, for "to the end".
- FLAC: the number of samples and the checksum are 0, for "unknown" (RFC 9639, section 8.2).
- MP3: in place of the Info frame there is a silent one. Readers take its bit rate, the lowest, for
  that of the file, so that they guess the length too high rather than stop too early. The sound
  comes later by that frame and by the encoder's own delay, which the Info frame would tell. Below
  about 56 kbit/s a frame is too small for an Info frame: the stream is the file.
- Ogg/Opus: as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol


class Appendable(Protocol):
    def write(self, data: bytes, /) -> int: ...


class Seekable(Appendable, Protocol):
    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def tell(self) -> int: ...


class Fork:
    """A file for libsndfile that is written twice: into a sink, and as a stream into another."""

    def __init__(self, sink: Seekable, stream: Appendable, container: str) -> None:
        self._sink = sink
        self._stream = AppendOnly(stream, container)

    def write(self, data: bytes) -> int:
        self._stream.write(data)
        return self._sink.write(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._stream.seek(offset, whence)
        return self._sink.seek(offset, whence)

    def tell(self) -> int:
        return self._sink.tell()


class AppendOnly:
    """A file for libsndfile over a sink that only grows: writes before its end are dropped."""

    def __init__(self, sink: Appendable, container: str) -> None:
        self._sink = sink
        self._first = _FIRST.get(container, bytes)
        self._position = 0
        self._end = 0

    def write(self, data: bytes) -> int:
        """libsndfile writes a whole header, or frame, first."""
        new = data[max(0, self._end - self._position) :]
        if new:
            self._sink.write(self._first(new) if self._end == 0 else new)
        self._position += len(data)
        self._end = max(self._end, self._position)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position


def _endless(header: bytes) -> bytes:
    """A WAV header of 44 bytes whose sizes are those of a stream."""
    unknown = b"\xff" * 4
    return header[:4] + unknown + header[8:40] + unknown + header[44:]


_MPEG_1 = 0x08
_MPEG_2 = 0x10
_MPEG_1_RATES = (44_100, 48_000, 32_000)
_MPEG_1_KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG_2_KBITS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""Of layer III, by the index in a frame's header, from 1 on."""


def _frame_bytes(header: bytes, index: int) -> int:
    """Size of a frame of layer III at the bit rate of an index, without padding.

    It holds 1152 samples (MPEG-1; 576 in the others, at half and quarter of the rates), and so has
    144 (72) times bit rate over sample rate bytes.
    """
    rate = _MPEG_1_RATES[header[2] >> 2 & 3]
    if header[1] & _MPEG_1:
        return 144_000 * _MPEG_1_KBITS[index - 1] // rate
    return 72_000 * _MPEG_2_KBITS[index - 1] // (rate // 2 if header[1] & _MPEG_2 else rate // 4)


def _is_info(frame: bytes) -> bool:
    """Whether a mono frame is no sound but the encoder's note (Info, Xing), which comes behind the
    space of the side information: 17 bytes in MPEG-1 and 9 in the others."""
    at = 4 + (17 if frame[1] & _MPEG_1 else 9)
    return frame[at : at + 4] in (b"Info", b"Xing")


def _silent(info: bytes) -> bytes:
    """The smallest frame of the kind of this one, all zeros behind its header: silence. A frame of
    sound is left as it is. While the file grows, zeros hold the place of the note."""
    if not _is_info(info) and any(info[4:]):
        return info
    lowest = 0x10 | info[2] & 0x0D  # without padding
    return bytes([*info[:2], lowest, info[3]]).ljust(_frame_bytes(info, 1), b"\0")


_FIRST: dict[str, Callable[[bytes], bytes]] = {"WAV": _endless, "MP3": _silent}
"""What becomes of the first thing that libsndfile writes."""


HEAD_BYTES = 32


def surplus(head: bytes, container: str) -> int:
    """Bytes that a finished file, of which the first `HEAD_BYTES` are given, has more than its
    stream."""
    if container != "MP3" or not _is_info(head):
        return 0
    return _frame_bytes(head, head[2] >> 4) - _frame_bytes(head, 1)


def streamed(data: bytes, container: str) -> bytes:
    """The stream of a finished file: what a listener got of it."""
    if container == "FLAC":
        # Sizes of the frames, the number of samples (36 bits), the checksum.
        layout = data[18:21] + bytes([data[21] & 0xF0])
        return data[:12] + bytes(6) + layout + bytes(20) + data[42:]
    if container == "MP3":
        if not _is_info(data):
            return data
        return _silent(data) + data[_frame_bytes(data, data[2] >> 4) :]
    return _endless(data) if container == "WAV" else data
