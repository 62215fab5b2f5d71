"""Files of every kind that is taken, and files that are out to do harm."""

from __future__ import annotations

import io
import itertools
import json
import math
import struct
import subprocess
import sys
import time
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.audio import libsndfile_reader
from pipelines.audio.containers import FORMATS as ENCODINGS
from pipelines.audio.containers import Encoder
from pipelines.audio.decoding import decode
from pipelines.audio.recording import Recording
from pipelines.protocol import InvalidInput
from tests.pipelines.audio.sound_files import (
    FFMPEG_KINDS,
    MONO_ONLY,
    RATE,
    SNDFILE_KINDS,
    encoded,
    flac_in_ogg,
    muxed,
    tone,
)

LONGEST, SHORTEST = 2.0, 0.2
CODES = {"not_audio", "unsupported_audio", "bad_audio", "audio_too_short", "audio_too_long"}


def decoded(data: bytes) -> Recording:
    return decode(data, "upload", LONGEST, SHORTEST)


def outcome(data: bytes) -> Recording | str:
    """What is decoded, or the code it is refused with."""
    try:
        return decoded(data)
    except InvalidInput as error:
        return error.code


def refused(data: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        decoded(data)
    assert caught.value.field == "upload"
    return caught.value


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("kind", "codec"), SNDFILE_KINDS)
def test_every_kind_of_file_is_read(kind: str, codec: str, channels: int) -> None:
    samples = np.repeat(tone(1.0)[:, None], channels, axis=1)
    check_tone(decoded(encoded(samples, kind=kind, codec=codec)))


def check_tone(recording: Recording) -> None:
    """It is that of 440 Hz, at half of full scale."""
    assert recording.samples.ndim == 1
    assert recording.samples.dtype == np.float32
    assert recording.seconds == pytest.approx(1.0, abs=0.1)
    middle = recording.samples[len(recording.samples) // 4 : -len(recording.samples) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert spectrum.argmax() * recording.sample_rate / len(middle) == pytest.approx(440, abs=5)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5**1.5, rel=0.2)


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("name", FFMPEG_KINDS)
def test_every_kind_that_ffmpeg_reads(name: str, channels: int) -> None:
    container, codec, rate, options = FFMPEG_KINDS[name]
    if (channels > 1 and codec in MONO_ONLY) or (channels > 2 and codec == "libmp3lame"):
        pytest.skip("there is no such file")
    samples = np.repeat(tone(1.0, rate)[:, None], channels, axis=1)
    recording = decoded(muxed(samples, rate, container, codec, options))
    assert recording.sample_rate == rate
    check_tone(recording)


def test_flac_in_the_pages_of_ogg() -> None:
    samples = decoded(flac_in_ogg(tone(1.0))).samples
    np.testing.assert_allclose(samples, tone(1.0), atol=1e-4)


@pytest.mark.parametrize("container", ["mp4", "mov", "matroska"])
def test_the_sound_of_a_video(container: str) -> None:
    check_tone(decoded(muxed(tone(1.0, 48_000), 48_000, container, "aac", picture=True)))


@pytest.mark.parametrize(("rate", "kept"), [(8_000, 8_000), (44_100, 44_100), (96_000, 48_000)])
def test_decode_what_is_above_hearing_is_not_kept(rate: int, kept: int) -> None:
    recording = decoded(encoded(tone(1.5, rate), rate))
    assert recording.sample_rate == kept
    assert len(recording.samples) == pytest.approx(1.5 * kept, abs=2)
    expected = tone(1.5, kept)[: len(recording.samples)]
    np.testing.assert_allclose(recording.samples[500:-500], expected[500:-500], atol=1e-3)


def test_decode_ends_of_the_range_are_taken() -> None:
    for seconds in (SHORTEST, LONGEST):
        assert decoded(encoded(tone(seconds))).seconds == seconds
    for seconds, code in ((SHORTEST, "audio_too_short"), (LONGEST, "audio_too_long")):
        data = encoded(tone(seconds + (1 if seconds == LONGEST else -1) / RATE))
        error = refused(data)
        assert error.code == code
        assert error.message == "The upload recording must last 0.2 to 2 seconds."
    assert refused(encoded(np.zeros(0))).code == "audio_too_short"


def test_floats_beyond_full_scale_are_brought_down_as_a_whole() -> None:
    """Integers that were written as floats, too."""
    for factor in (4, 32_768):
        samples = decoded(encoded(factor * tone(0.5), codec="FLOAT")).samples
        np.testing.assert_allclose(samples, 2 * tone(0.5), atol=1e-3)


def wav_with(samples: np.ndarray, stated: int | None = None, before: bytes = b"") -> bytes:
    """A 16-bit WAV file, with chunks before the samples and another size than they have."""
    data = encoded(samples, codec="PCM_16")
    size = len(data) - 44 if stated is None else stated
    return data[:36] + before + b"data" + struct.pack("<I", size) + data[44:]


@pytest.mark.parametrize("stated", [0, 1, 2, 1_000, 1_001, 2**31, 2**32 - 1])
@pytest.mark.parametrize("behind", [b"", b"\0", b"LIST\x04\0\0\0INFO"])
def test_wav_files_with_a_wrong_size_are_read_to_their_end(stated: int, behind: bytes) -> None:
    samples = tone(1.0)
    recording = decoded(wav_with(samples, stated) + behind)
    assert len(recording.samples) - RATE <= len(behind) // 2
    np.testing.assert_allclose(recording.samples[:RATE], samples, atol=1e-4)


@pytest.mark.parametrize("pad", [b"", b"\0"])
@pytest.mark.parametrize("size", [1, 7, 251])
def test_chunks_of_odd_size_may_lack_the_byte_that_evens_them(size: int, pad: bytes) -> None:
    odd = b"LIST" + struct.pack("<I", size) + b"i" * size + pad
    recording = decoded(wav_with(tone(1.0), before=odd * 3))
    np.testing.assert_allclose(recording.samples, tone(1.0), atol=1e-4)
    tail = decoded(wav_with(tone(1.0)) + odd)
    assert len(tail.samples) == RATE


ID3 = b"ID3\4\0\0\0\0\1\0" + bytes(128)


@pytest.mark.parametrize("before", [bytes(417), ID3, ID3 + bytes(3_000), ID3 * 3 + bytes(1)])
@pytest.mark.parametrize("name", ["MP3", "FLAC", "AAC"])
def test_zeros_and_tags_before_the_first_frame_are_passed_over(name: str, before: bytes) -> None:
    samples = tone(1.0)
    data = muxed(samples, RATE, "adts", "aac") if name == "AAC" else encoded(samples, kind=name)
    np.testing.assert_array_equal(decoded(before + data).samples, decoded(data).samples)


def stereo(left: np.ndarray, right: np.ndarray) -> Recording:
    return decoded(encoded(np.stack([left, right], axis=1), codec="FLOAT"))


def test_of_channels_that_cancel_each_other_the_stronger_is_taken() -> None:
    hum, noise = 0.4 * tone(1.0, hertz=50), np.random.default_rng(0).standard_normal((2, RATE))
    for common in (np.zeros(RATE), np.full(RATE, 0.3), hum):
        recording = stereo(tone(1.0) + common, common - 0.9 * tone(1.0))
        peak = max(1.0, np.abs(tone(1.0) + common).max())
        np.testing.assert_allclose(recording.samples, (tone(1.0) + common) / peak, atol=1e-3)
    recording = stereo(tone(1.0) + 0.01 * noise[0], 0.01 * noise[1] - tone(1.0))
    assert np.sqrt(np.mean(recording.samples**2)) == pytest.approx(0.5**1.5, rel=0.05)


def test_channels_that_are_independent_or_alike_are_averaged() -> None:
    noise = 0.2 * np.random.default_rng(0).standard_normal((2, RATE))
    np.testing.assert_allclose(stereo(*noise).samples, noise.mean(axis=0), atol=1e-3)
    recording = stereo(tone(1.0), 0.3 * tone(1.0))
    np.testing.assert_allclose(recording.samples, 0.65 * tone(1.0), atol=1e-3)


@pytest.mark.parametrize("channels", [2, 3, 8])
def test_silent_channels_do_not_count(channels: int) -> None:
    samples = np.zeros((RATE, channels))
    samples[:, -1] = tone(1.0)
    recording = decoded(encoded(samples, codec="FLOAT"))
    np.testing.assert_allclose(recording.samples, tone(1.0), atol=1e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("at", [0, -1])
def test_decode_samples_that_are_no_numbers_are_refused(bad: float, at: int) -> None:
    samples = tone(1.0)
    samples[at] = bad
    error = refused(encoded(samples, codec="DOUBLE"))
    assert (error.code, "not finite" in error.message) == ("bad_audio", True)


def png() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\xff",
        b"RIFF",
        b"ID3",
        b"OggS" + bytes(100),
        b"fLaC" + bytes(100),
        b"\xff\xfb\x90\x00",
        bytes(10_000),
        b"Dear server, this is a text." * 100,
        b"<html><body>No</body></html>",
        png(),
        np.random.default_rng(0).bytes(100_000),
        b"RIFF" + np.random.default_rng(1).bytes(10_000),
    ],
)
def test_decode_what_is_no_recording(data: bytes) -> None:
    error = refused(data)
    assert error.code == "not_audio"
    assert "Send WAV, MP3, FLAC, Ogg" in error.message


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x30\x26\xb2\x75" + bytes(40), "Windows Media"),
        (b"ADIF" + bytes(40), "ADIF"),
        (muxed(tone(1.0, 48_000), 48_000, "mp4", "ac3"), "MP4"),
    ],
)
def test_decode_what_would_be_one_in_another_format(data: bytes, name: str) -> None:
    error = refused(data)
    assert error.code == "unsupported_audio"
    assert name in error.message
    assert "Send WAV, MP3, FLAC, Ogg, M4A" in error.message


def test_the_start_of_a_file_is_read_or_refused() -> None:
    for kind, codec in SNDFILE_KINDS:
        data = encoded(tone(1.5), kind=kind, codec=codec)
        for kept in (12, 50, 200, len(data) // 2, len(data) - 1):
            found = outcome(data[:kept])
            if isinstance(found, Recording):
                assert found.seconds <= 1.6
            else:
                assert found in {"not_audio", "bad_audio", "audio_too_short"}


def wav_header(**fields: int) -> bytes:
    """A header in 16-bit PCM and one KB of samples, fields of it as they are given."""
    wav = {"size": 1036, "channels": 1, "rate": RATE, "align": 2, "bits": 16, "data": 1000} | fields
    rate = wav["rate"] * wav["align"] & 0xFFFFFFFF
    sizes = (wav["channels"], wav["rate"], rate, wav["align"], wav["bits"])
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", wav["size"], b"WAVE", b"fmt ", 16, 1, *sizes)
    return head + struct.pack("<4sI", b"data", wav["data"]) + bytes(1000)


def flac_of_frames(data: bytes, frames: int) -> bytes:
    """A FLAC file whose header states another number of samples."""
    changed = bytearray(data)
    low = int.from_bytes(changed[18:26], "big") >> 36 << 36
    changed[18:26] = (low | frames).to_bytes(8, "big")
    return bytes(changed)


@cache
def hostile() -> dict[str, tuple[bytes, set[str]]]:
    """Files, each with what may be said of it."""
    silence = np.zeros(600 * 8_000, np.int16)
    flac = encoded(silence, 8_000, "FLAC", "PCM_16")
    mp3 = encoded(silence, 8_000, "MP3", "MPEG_LAYER_III")
    many = np.zeros((4_000, 9), np.int16)
    vorbis = encoded(tone(1.0), kind="OGG", codec="VORBIS")
    hour = encoded(np.zeros(3_600 * 8_000, np.int16), 8_000, "FLAC", "PCM_16")
    short, long_, bad = {"audio_too_short"}, {"audio_too_long"}, {"bad_audio", "not_audio"}
    ten_hours = 36_000 * RATE
    return {
        "ten hours in one KB": (wav_header(data=2 * ten_hours, size=2 * ten_hours + 36), short),
        "sizes of a stream": (wav_header(data=0xFFFFFFFF, size=0xFFFFFFFF), short),
        "no samples stated": (wav_header(data=0), short | bad),
        "no channels": (wav_header(channels=0), bad),
        "65535 channels": (wav_header(channels=65_535), bad),
        "no rate": (wav_header(rate=0), bad),
        "one sample a second": (wav_header(rate=1), bad),
        "four thousand million a second": (wav_header(rate=0xFFFFFFFF), bad),
        "no bits": (wav_header(bits=0), {"unsupported_audio"}),
        "frames of no bytes": (wav_header(align=0), bad | short),
        "nine channels": (encoded(many, RATE), bad),
        "ten hours of FLAC": (flac_of_frames(flac[:1_000], 36_000 * 8_000), long_ | bad),
        "FLAC without an end": (flac_of_frames(flac, 0), long_),
        "FLAC of more than it says": (flac_of_frames(flac, 4_000), {"taken"}),
        "half an hour of silence": (mp3 * 3, long_),
        "an hour of silence in 100 KB": (hour, long_),
        "an hour that is not stated": (flac_of_frames(hour, 0), long_),
        "six minutes in 50 KB": (encoded(silence[: 360 * 8_000], 8_000, "OGG", "OPUS"), long_),
        "pages without end": (vorbis + b"OggS" * 2**20, {"bad_audio"}),
        "tags without end": ((b"ID3\4\0\0\0\0\0\n" + bytes(10)) * 2**19, bad),
        "one long tag": (b"ID3\4\0\0\x01\x7f\x7f\x7f" + bytes(2**22), bad),
        "metadata without end": (b"fLaC" + b"\1\0\0\0" * 2**22, bad),
        "chunks without end": (wav_header()[:36] + b"junk\0\0\0\0" * 2**20, bad | short),
        "nothing but headers": (b"\xff\xfb\x90\0" * 2**20, bad | short),
        "MP3 without a header that counts": (mp3[len(mp3) // 10 :] * 20, long_ | bad),
        **hostile_to_ffmpeg(),
    }


def hostile_to_ffmpeg() -> dict[str, tuple[bytes, set[str]]]:
    """Files for the process that FFmpeg runs in."""

    def box(kind: bytes, content: bytes = b"") -> bytes:
        return struct.pack(">I4s", len(content) + 8, kind) + content

    def changed(data: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
        at = data.index(mark) + offset
        return data[:at] + value + data[at + len(value) :]

    m4a = muxed(tone(1.0, 48_000), 48_000, "ipod", "aac")
    alac = muxed(tone(1.0, 48_000), 48_000, "ipod", "alac")
    webm = muxed(tone(1.0, 48_000), 48_000, "webm", "libopus")
    adts = muxed(tone(1.0), RATE, "adts", "aac")
    silence = np.zeros(600 * 16_000)
    start = box(b"ftyp", b"M4A \0\0\0\0")
    nested = box(b"mdia")
    for _ in range(2_000):
        nested = box(b"trak", nested)
    alac_layout = struct.pack(">d4sIIIII", 44_100, b"alac", 0, 0, 4_096, 65_535, 16)
    caf = b"caff\0\1\0\0desc" + struct.pack(">Q", 32) + alac_layout
    many_samples = b"\xff\xff\xff\xff"
    anything = {"taken", "not_audio", "bad_audio", "audio_too_short", "audio_too_long"}
    return {
        "ten minutes of M4A": (muxed(silence, 16_000, "ipod", "aac"), {"audio_too_long"}),
        "ten minutes of WebM": (muxed(silence, 16_000, "webm", "libopus"), {"audio_too_long"}),
        "more samples than can be": (changed(m4a, b"stsz", 12, many_samples), {"not_audio"}),
        "samples that never end": (changed(m4a, b"stts", 12, many_samples), anything),
        "pieces without end": (changed(m4a, b"stsc", 16, many_samples), anything),
        "65535 channels of ALAC": (changed(alac, b"alac", 20, b"\xff\xff"), anything),
        "boxes in boxes": (start + box(b"moov", nested), {"not_audio"}),
        "boxes without end": (start + box(b"free") * 2**20, {"bad_audio", "not_audio"}),
        "tracks without end": (start + box(b"moov", box(b"trak") * 2**18), {"not_audio"}),
        "sound without a head": (start + box(b"mdat", bytes(2**22)), {"not_audio"}),
        "a head without sound": (m4a[: m4a.index(b"mdat") + 4], {"not_audio", "bad_audio"}),
        "elements in elements": (b"\x1a\x45\xdf\xa3" * 2**20, {"not_audio"}),
        "elements without end": (webm[:200] + b"\xec\x80" * 2**20, {"not_audio"}),
        "nothing behind the head": (webm[:200] + bytes(2**22), {"not_audio"}),
        "nothing but AAC headers": (adts[:7] * 2**19, {"not_audio"}),
        "an hour of AMR": (b"#!AMR\n" + bytes(2**22), {"audio_too_long"}),
        "65535 channels of CAF": (caf, {"not_audio"}),
        "chunks of AIFF without end": (
            b"FORM\0\0\0\0AIFF" + b"ANNO\0\0\0\0" * 2**20,
            {"not_audio"},
        ),
    }


PROBE = """
import json, resource, sys, time
from pathlib import Path
from pipelines.audio.decoding import decode
from pipelines.protocol import InvalidInput
from tests.pipelines.audio.sound_files import (
    FFMPEG_KINDS,
    MONO_ONLY,
    RATE,
    SNDFILE_KINDS,
    encoded,
    flac_in_ogg,
    muxed,
    tone,
)

def computing():
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime

slowest, codes = 0.0, {}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for file in Path(sys.argv[1]).iterdir():
    data = file.read_bytes()
    began = computing()
    try:
        decode(data, "upload", 300, 0.2)
        codes[file.name] = "taken"
    except InvalidInput as error:
        codes[file.name] = error.code
    slowest = max(slowest, computing() - began)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([slowest, (after - before) / 1024, codes]))
"""


@pytest.mark.timeout(60, method="thread")  # no signal ends what hangs inside libsndfile
def test_decode_what_takes_too_long_just_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it is cut, reading comes to an end, and nothing shorter is taken for the whole."""
    for data in valid():
        reads = itertools.count()
        monkeypatch.setattr(libsndfile_reader, "thread_time", lambda reads=reads: next(reads))
        monkeypatch.setattr(libsndfile_reader, "START_SECONDS", math.inf)
        whole = decoded(data)
        for limit in range(next(reads)):
            monkeypatch.setattr(libsndfile_reader, "START_SECONDS", limit)
            found = outcome(data)
            if isinstance(found, Recording):
                assert len(found.samples) == len(whole.samples)
            else:
                assert found in {"not_audio", "bad_audio"}


def test_decode_hostile_files_cost_little(tmp_path: Path) -> None:
    for name, (data, _) in hostile().items():
        (tmp_path / name).write_bytes(data)
    command = [sys.executable, "-c", PROBE, str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    slowest, megabytes, codes = json.loads(ran.stdout)
    assert {name for name, (_, allowed) in hostile().items() if codes[name] not in allowed} == set()
    assert slowest < 1.0
    assert megabytes < 100


@cache
def valid() -> list[bytes]:
    return [encoded(tone(0.3), kind=kind, codec=codec) for kind, codec in SNDFILE_KINDS]


@given(
    st.integers(0, len(SNDFILE_KINDS) - 1),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=8), st.integers(0, 64)), max_size=6),
)
@settings(max_examples=200, deadline=None)
def test_no_change_to_a_file_does_more_than_have_it_refused(
    kind: int, changes: list[tuple[float, bytes, int]]
) -> None:
    data = bytearray(valid()[kind])
    for place, written, removed in changes:
        # Nearer to the start, where the headers are.
        at = int(place**3 * len(data))
        data[at : at + removed] = written
    began = time.process_time()
    found = outcome(bytes(data))
    if isinstance(found, Recording):
        assert SHORTEST <= found.seconds <= LONGEST
        assert np.abs(found.samples).max() <= 1
    else:
        assert found in CODES
    assert time.process_time() - began < 1


@pytest.mark.parametrize("name", ENCODINGS)
def test_decode_clip_that_was_listened_to_while_it_was_made(name: str) -> None:
    sink = io.BytesIO()
    encoder = Encoder(io.BytesIO(), name, RATE, RATE, sink)
    encoder.write(tone(1.5).astype(np.float32))
    encoder.close()
    recording = decoded(sink.getvalue())
    late = 1_681 if name == "mp3" else 0
    middle = slice(late + 2_400, late + 33_600)
    assert np.abs(recording.samples[middle] - tone(1.5)[2_400:33_600]).max() < 0.02
    assert 0 <= len(recording.samples) - 1.5 * RATE < 2_304
