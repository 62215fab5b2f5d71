"""Broken files for the decoder."""

from __future__ import annotations

import io
from functools import cache
from random import Random

import numpy as np
import soundfile

from pipelines.audio.decoding import decode
from pipelines.protocol import InvalidInput
from tests.fuzz.running import known
from tests.pipelines.audio.sound_files import FFMPEG_KINDS, muxed, tone

SHORTEST, LONGEST = 0.2, 2.0
CODES = {"not_audio", "unsupported_audio", "bad_audio", "audio_too_short", "audio_too_long"}
MOST_SECONDS = 1.0
"""Of computing, for any file."""

_KINDS = [
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("WAV", "ULAW"),
    ("WAV", "IMA_ADPCM"),
    ("WAV", "MS_ADPCM"),
    ("WAVEX", "PCM_16"),
    ("RF64", "PCM_16"),
    ("FLAC", "PCM_S8"),
    ("FLAC", "PCM_24"),
    ("MP3", "MPEG_LAYER_III"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("AIFF", "PCM_16"),
    ("CAF", "ALAC_16"),
    ("AU", "PCM_16"),
    ("W64", "PCM_16"),
]
_MUXED = ["M4A of iPhones", "MP4 of Safari", "3GP of phones", "AMR", "AAC", "WebM", "CAF with ALAC"]
"""Some of what FFmpeg reads; each costs a process."""
_WORDS = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80"]
_MARKS = [b"RIFF", b"RF64", b"WAVE", b"fmt ", b"data", b"fact", b"LIST", b"ds64", b"fLaC", b"OggS"]
_MARKS += [b"ID3\x04", b"TAG", b"Xing", b"Info", b"\xff\xfb\x90\x00", b"OpusHead", b"\x01vorbis"]
_MARKS += [
    b"ftyp",
    b"moov",
    b"trak",
    b"stsz",
    b"mdat",
    b"moof",
    b"\x1a\x45\xdf\xa3",
    b"\xff\xf1\x50\x80",
]


@cache
def _whole() -> list[bytes]:
    """A sound file of each kind, with one channel and with two."""
    files = []
    for kind, codec in _KINDS:
        for channels in (1, 2):
            rng = np.random.default_rng(0)
            samples = 0.1 * rng.standard_normal((6_000, channels)).astype(np.float32)
            sink = io.BytesIO()
            soundfile.write(sink, samples, 16_000, format=kind, subtype=codec)
            files.append(sink.getvalue())
    for name in _MUXED:
        container, codec, rate, options = FFMPEG_KINDS[name]
        files.append(muxed(tone(0.4, rate), rate, container, codec, options))
    return files


def make(rng: Random) -> bytes:
    """A file after one to eight changes, most of them near its start, where the headers are."""
    data = bytearray(rng.choice(_whole()))
    for _ in range(rng.randint(1, 8)):
        _change(data, rng)
    return bytes(data)


def _change(data: bytearray, rng: Random) -> None:
    place = int(rng.random() ** 3 * len(data))
    length = rng.choice([1, 2, 4, 8, 64, 1_000])
    match rng.randrange(8):
        case 0:
            data[place : place + 1] = rng.randbytes(1)
        case 1:
            data[place : place + 4] = rng.choice(_WORDS)
        case 2:
            data[place : place + 4] = rng.choice(_MARKS)
        case 3:
            del data[place : place + length]
        case 4:
            data[place:place] = rng.randbytes(length)
        case 5:
            data[place:place] = data[place : place + length] * rng.choice([1, 10, 1_000])
        case 6:
            del data[place:]
        case 7:
            other = rng.choice(_whole())
            data[place:] = other[int(rng.random() * len(other)) :]
    del data[2**20 :]


def outcome(data: bytes) -> str:
    """`taken`, or the code of the refusal. Raises whatever should not have come about."""
    try:
        recording = decode(data, "upload", LONGEST, SHORTEST)
    except InvalidInput as error:
        return known(error, CODES)
    assert SHORTEST <= recording.seconds <= LONGEST
    assert float(np.abs(recording.samples).max()) <= 1
    return "taken"
