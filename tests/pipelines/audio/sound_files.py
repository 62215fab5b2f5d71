"""Sound files of all kinds, written by libsndfile and by FFmpeg."""

from __future__ import annotations

import io
import struct

import av
import numpy as np
import soundfile

RATE = 24_000

SNDFILE_KINDS = [
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "PCM_32"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("WAV", "ULAW"),
    ("WAVEX", "PCM_16"),
    ("RF64", "PCM_16"),
    ("FLAC", "PCM_S8"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("MP3", "MPEG_LAYER_III"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("AIFF", "PCM_16"),
    ("AIFF", "FLOAT"),
    ("CAF", "PCM_16"),
    ("CAF", "ALAC_16"),
    ("AU", "PCM_16"),
    ("AU", "ULAW"),
    ("W64", "PCM_16"),
]

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
FFMPEG_KINDS: dict[str, tuple[str, str, int, dict[str, str]]] = {
    "M4A of iPhones": ("ipod", "aac", 44_100, {}),
    "M4A without loss": ("ipod", "alac", 48_000, {}),
    "MP4 of Safari": ("mp4", "aac", 48_000, FRAGMENTED),
    "MP4 with Opus": ("mp4", "libopus", 48_000, {}),
    "QuickTime": ("mov", "pcm_s16le", 44_100, {}),
    "3GP of phones": ("3gp", "aac", 16_000, {}),
    "3GP in telephone quality": ("3gp", "libopencore_amrnb", 8_000, {}),
    "AMR": ("amr", "libopencore_amrnb", 8_000, {}),
    "AAC": ("adts", "aac", 32_000, {}),
    "WebM": ("webm", "libopus", 48_000, {}),
    "WebM of MediaRecorder": ("webm", "libopus", 48_000, {"live": "1"}),
    "Matroska": ("matroska", "aac", 44_100, {}),
    "CAF with ALAC": ("caf", "alac", 44_100, {}),
    "WAV with MP3": ("wav", "libmp3lame", 44_100, {}),
}
"""Container, codec, sample rate and options of the container."""
MONO_ONLY = {"libopencore_amrnb"}
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def tone(seconds: float, rate: int = RATE, hertz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def encoded(samples: np.ndarray, rate: int = RATE, kind: str = "WAV", codec: str = "") -> bytes:
    """`[samples]` or `[samples, channels]`, by libsndfile."""
    sink = io.BytesIO()
    soundfile.write(sink, samples, rate, format=kind, subtype=codec or None)
    return sink.getvalue()


def muxed(
    samples: np.ndarray,
    rate: int,
    container: str,
    codec: str,
    options: dict[str, str] | None = None,
    picture: bool = False,
) -> bytes:
    """`[samples]` or `[samples, channels]`, by FFmpeg; with a `picture` there is a video too."""
    wide = np.ascontiguousarray(samples.reshape(len(samples), -1).T.astype(np.float32))
    sink = io.BytesIO()
    with av.open(sink, "w", format=container, options=options or {}) as file:
        stream = file.add_stream(codec, rate=rate, layout=_LAYOUTS[len(wide)])
        video = _video(file) if picture else None
        if video is not None:
            for _ in range(10):
                image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
                file.mux(video.encode(image))
        frame = av.AudioFrame.from_ndarray(wide, format="fltp", layout=_LAYOUTS[len(wide)])
        frame.sample_rate = rate
        fitted = av.AudioResampler(
            stream.format.name,
            _LAYOUTS[len(wide)],
            rate,
            frame_size=stream.codec_context.frame_size or 1_024,
        )
        for piece in [*fitted.resample(frame), *fitted.resample(None)]:
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
        if video is not None:
            file.mux(video.encode(None))
    return sink.getvalue()


def _video(file: av.container.OutputContainer) -> av.VideoStream:
    video = file.add_stream("mpeg4", rate=10)
    video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
    return video


def flac_in_ogg(samples: np.ndarray, rate: int = RATE) -> bytes:
    """FLAC in the pages of Ogg (the mapping of xiph.org, "Ogg FLAC", version 1.0)."""
    flac = encoded(samples, rate, "FLAC", "PCM_16")
    stream_info, at, comment = flac[4:42], 42, b""
    while True:
        size = int.from_bytes(flac[at + 1 : at + 4], "big") + 4
        if flac[at] & 0x7F == 4:
            comment = bytes([0x84]) + flac[at + 1 : at + size]
        last, at = flac[at] & 0x80, at + size
        if last:
            break
    head = b"\x7fFLAC\x01\x00\x00\x01fLaC" + bytes([stream_info[0] & 0x7F]) + stream_info[1:]
    frames = [b"\xff\xf8" + frame for frame in flac[at:].split(b"\xff\xf8")[1:]]
    packets = [head, comment or b"\x84\0\0\x08" + bytes(8), *frames]
    pages = []
    for number, packet in enumerate(packets):
        kind = 2 if number == 0 else 4 if number == len(packets) - 1 else 0
        pages.append(_page(packet, number, kind, min(len(samples), max(0, number - 1) * 4_096)))
    return b"".join(pages)


def _page(packet: bytes, number: int, kind: int, position: int) -> bytes:
    """One packet in one page of Ogg (RFC 3533, section 6)."""
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    head = struct.pack("<4sBBQII", b"OggS", 0, kind, position, 1, number)
    page = bytearray(head + bytes(4) + bytes([len(lacing)]) + lacing + packet)
    page[22:26] = struct.pack("<I", _checksum(page))
    return bytes(page)


def _checksum(data: bytes) -> int:
    """Of 32 bits, with the polynomial 0x04C11DB7, nothing reflected."""
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)
            value &= 0xFFFFFFFF
    return value
