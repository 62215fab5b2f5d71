"""The program that decodes with FFmpeg in a process of its own: `python -m` this module.

A file comes in through standard input. Out go one line of JSON, `{"rate": Hz, "channels": n}`,
and the samples, 32-bit floats of all channels in turn; the exit status says how it ended. Nothing
is imported but PyAV. Once the file is there it may take so much memory and time, and open no other:
what is wrong with FFmpeg's demuxers and codecs stays in here.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
import time
from collections.abc import Iterator

import av

# Loaded when a file has such a stream, which is too late: nothing can be opened then.
import av.subtitles.codeccontext
import av.subtitles.stream
from av.audio.frame import AudioFrame
from av.stream import Discard

from pipelines.audio.ffmpeg_status import Status

MEMORY_BYTES = 640 * 2**20
"""Of address space; the interpreter and the libraries take 240 MB of it."""
_CODECS = """aac alac amrnb amrwb flac mp2 mp2float mp3 mp3float opus libopus speex libspeex vorbis
    gsm gsm_ms adpcm_ima_qt adpcm_ima_wav adpcm_ms pcm_alaw pcm_mulaw pcm_u8 pcm_s8 pcm_s16le
    pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be
    libopencore_amrnb libopencore_amrwb""".split()  # noqa: SIM905 - as they are to be read


class Budget:
    """Seconds of computing that may be used up: more with each second that has been decoded."""

    def __init__(self, start: float, least_speed: float) -> None:
        self._until = time.process_time() + start
        self._least_speed = least_speed

    def played(self, seconds: float) -> None:
        self._until += seconds / self._least_speed

    def check(self) -> None:
        if time.process_time() > self._until:
            sys.exit(Status.TOO_SLOW)


class Bounded(io.BytesIO):
    """A file that is read within a budget."""

    def __init__(self, data: bytes, budget: Budget) -> None:
        super().__init__(data)
        self._budget = budget

    def read(self, size: int | None = -1, /) -> bytes:
        self._budget.check()
        return super().read(size)


def confine(cpu_seconds: int) -> None:
    """From here on no more memory and time than this, no other file, and no core dump."""
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 3,
    }
    for limit, most in limits.items():
        # macOS refuses some of them.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))


def frames(file: io.BytesIO, demuxer: str, budget: Budget) -> Iterator[AudioFrame]:
    """The frames of the first audio stream. No other demuxer is tried, and no other codec."""
    # Codecs are opened to find out what streams are, those of pictures too.
    options = {"codec_whitelist": ",".join(_CODECS), "protocol_whitelist": "none"}
    with av.open(file, "r", format=demuxer, options=options, metadata_errors="ignore") as container:
        if not container.streams.audio:
            sys.exit(Status.NOT_AUDIO)
        stream = container.streams.audio[0]
        for other in container.streams:
            if other is not stream:
                other.discard = Discard.all
        codec = stream.codec_context
        if codec is None or codec.name not in _CODECS:
            sys.exit(Status.UNSUPPORTED)
        codec.thread_count = 1
        for packet in container.demux(stream):
            budget.check()
            for frame in packet.decode():
                budget.played(frame.samples / frame.sample_rate)
                yield frame


def decode(file: io.BytesIO, demuxer: str, longest_seconds: float, budget: Budget) -> Status:
    """Writes the samples to standard output until there are more than `longest_seconds` of them."""
    out = sys.stdout.buffer
    resampler = None
    left, channels = 0.0, 0
    for frame in frames(file, demuxer, budget):
        if resampler is None:
            # Of the sample format only. Raises ValueError where a later frame is of another kind.
            resampler = av.AudioResampler("flt", frame.layout, frame.sample_rate)
            channels = frame.layout.nb_channels
            left = longest_seconds * frame.sample_rate
            head = {"rate": frame.sample_rate, "channels": channels}
            out.write(json.dumps(head).encode() + b"\n")
        for block in resampler.resample(frame):
            # A plane may be longer than what is in it.
            out.write(memoryview(block.planes[0])[: block.samples * channels * 4])
            left -= block.samples
        if left < 0:
            break
    out.flush()
    return Status.NOT_AUDIO if resampler is None else Status.COMPLETE


def main(demuxer: str, longest: str, start: str, least_speed: str) -> Status:
    """`longest` and `start` in seconds, of audio and of computing."""
    av.logging.set_level(None)
    data = sys.stdin.buffer.read()
    most = float(start) + float(longest) / float(least_speed)
    confine(round(time.process_time() + most) + 1)
    budget = Budget(float(start), float(least_speed))
    try:
        return decode(Bounded(data, budget), demuxer, float(longest), budget)
    except Exception:  # noqa: BLE001 - whatever comes of it, it is the file's fault
        return Status.DAMAGED


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
