"""What kind of sound file some bytes are, by the first of them: few readers are ever tried."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MOST_TAGS = 16
_NOT_ZERO = re.compile(rb"[^\0]")


@dataclass(frozen=True, slots=True)
class Kind:
    """`sndfile`: libsndfile reads it, or most of it. `demuxer`: the one of FFmpeg that reads it, or
    what libsndfile leaves; without both it is known but not read."""

    name: str
    sndfile: bool = False
    demuxer: str | None = None


WAV = Kind("WAV", sndfile=True, demuxer="wav")
MP3 = Kind("MP3", sndfile=True)
_FLAC = Kind("FLAC", sndfile=True)
_AAC = Kind("AAC", demuxer="aac")
_OGG_FLAC = Kind("FLAC in Ogg", demuxer="ogg")
_MP4 = Kind("M4A, MP4, 3GP or QuickTime", demuxer="mov")

_BY_MARK = {
    b"RIFF": WAV,
    b"RF64": WAV,
    b"fLaC": _FLAC,
    b"OggS": Kind("Ogg", sndfile=True, demuxer="ogg"),
    b"\x1a\x45\xdf\xa3": Kind("WebM or Matroska", demuxer="matroska"),
    b"FORM": Kind("AIFF", sndfile=True, demuxer="aiff"),
    b"caff": Kind("CAF", sndfile=True, demuxer="caf"),
    b".snd": Kind("AU", sndfile=True, demuxer="au"),
    b"riff": Kind("Wave64", sndfile=True, demuxer="w64"),
    b"#!AM": Kind("AMR", demuxer="amr"),
    b"\x30\x26\xb2\x75": Kind("Windows Media"),
    b"ADIF": Kind("AAC in ADIF"),
}
_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}
"""Of which one comes first in a file of the MP4 family, behind four bytes of its size."""


def kind_of(data: bytes) -> Kind | None:
    """None for what is no sound file."""
    head = data[:8]
    if head[:4] == b"OggS" and data[28:33] == b"\x7fFLAC":
        return _OGG_FLAC
    if head[:3] == b"ID3":
        return MP3
    if head[4:8] in _BOXES:
        return _MP4
    return _BY_MARK.get(head[:4]) or _of_frames(head)


def without_tags(data: bytes) -> bytes:
    """A file of frames (MP3, AAC, FLAC) without the ID3 tags and zeros before its first frame.

    Readers know the tags, but give up where zeros follow them. Anything else comes back as it is.
    """
    start = 0
    for _ in range(_MOST_TAGS):
        tag = data[start : start + 10]
        if tag[:3] != b"ID3" or len(tag) < 10:
            break
        # Four times seven bits, and a footer if a flag says so (ID3v2.4, section 3.1).
        size = 0
        for byte in tag[6:]:
            size = size << 7 | byte & 0x7F
        start += 10 + size + (10 if tag[5] & 0x10 else 0)
    first = _NOT_ZERO.search(data, start)
    if first is None or first.start() == 0:
        return data
    head = data[first.start() : first.start() + 8]
    return data[first.start() :] if _of_frames(head) or head[:4] == b"fLaC" else data


def _of_frames(head: bytes) -> Kind | None:
    """By the eleven set bits at the start of an MPEG frame; the layer is 0 in AAC."""
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    return MP3 if head[1] & 0x06 else _AAC
