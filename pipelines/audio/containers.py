"""Containers and codecs of results: an incremental encoder (libsndfile; FFmpeg for AAC) that
resamples (soxr)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from pipelines.audio.aac import AacFile
from pipelines.audio.appending import Appendable, Fork, Seekable
from pipelines.protocol import InvalidInput, Waveform

_MPEG_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One encoding of results. `sample_rates` are those it may be asked for, in Hz."""

    extension: str
    content_type: str
    container: str
    codec: str
    sample_rates: tuple[int, ...]
    compression: float | None = None
    """libsndfile's scale from 0 (best quality) to 1, for a quality instead of a bit rate."""
    kbits: int | None = None
    """Constant bit rate of MP3, average of Opus and AAC, in kbit/s."""

    @property
    def exact(self) -> bool:
        """Whether the encoder takes 16-bit samples."""
        return self.compression is None and self.kbits is None


def _mp3(kbits: int, *rates: int) -> AudioFormat:
    return AudioFormat("mp3", "audio/mpeg", "MP3", "MPEG_LAYER_III", rates, kbits=kbits)


def _opus(kbits: int) -> AudioFormat:
    return AudioFormat("opus", "audio/ogg", "OGG", "OPUS", (48000,), kbits=kbits)


FORMATS = {
    "wav": AudioFormat("wav", "audio/wav", "WAV", "PCM_16", _MPEG_RATES),
    # About 105 kbit/s of variable rate for speech at 24 kHz.
    "mp3": AudioFormat("mp3", "audio/mpeg", "MP3", "MPEG_LAYER_III", _MPEG_RATES, 0.0),
    "flac": AudioFormat("flac", "audio/flac", "FLAC", "PCM_16", _MPEG_RATES),
    # About 70 kbit/s, past which speech gains little.
    "opus": AudioFormat("opus", "audio/ogg", "OGG", "OPUS", _OPUS_RATES, 0.75),
}
"""What clips are asked for by name."""

ENCODINGS = {
    **FORMATS,
    # Samples alone, without a header: little-endian 16 bits, or the 8 bits of G.711.
    "pcm": AudioFormat("pcm", "audio/pcm", "RAW", "PCM_16", _MPEG_RATES),
    "ulaw": AudioFormat("ulaw", "audio/basic", "RAW", "ULAW", (8000,)),
    "alaw": AudioFormat("alaw", "audio/x-alaw-basic", "RAW", "ALAW", (8000,)),
    "aac": AudioFormat("aac", "audio/aac", "ADTS", "AAC", _AAC_RATES, kbits=96),
    "mp3_32": _mp3(32, 22050, 44100),
    "mp3_48": _mp3(48, 24000),
    **{f"mp3_{kbits}": _mp3(kbits, 44100) for kbits in (64, 96, 128, 192)},
    **{f"opus_{kbits}": _opus(kbits) for kbits in (32, 64, 96, 128, 192)},
}
"""Those, and what other services' clients ask for."""


def check_format(format_name: str, sample_rate: int | None = None) -> AudioFormat:
    """The named format. Raises InvalidInput for an unknown one or a sample rate [Hz] it lacks."""
    audio_format = ENCODINGS.get(format_name)
    if audio_format is None:
        raise InvalidInput("format", f"The format must be one of {', '.join(FORMATS)}.")
    if sample_rate is not None and sample_rate not in audio_format.sample_rates:
        rates = ", ".join(map(str, audio_format.sample_rates))
        message = f"The sample rate of {format_name} must be one of {rates} Hz."
        raise InvalidInput("sample_rate", message)
    return audio_format


def own_rate(format_name: str, sample_rate: int) -> int:
    """The rate [Hz] at which a format takes sound of `sample_rate`: the same if it has that, else
    the next that loses nothing, or its highest. Raises InvalidInput for an unknown format."""
    rates = check_format(format_name).sample_rates
    return min((rate for rate in rates if rate >= sample_rate), default=max(rates))


def to_pcm16(samples: Waveform) -> NDArray[np.int16]:
    """16-bit samples, rounded to nearest; what lies outside [-1, 1) is clipped. `[samples]`."""
    scaled = np.rint(np.asarray(samples, dtype=np.float32) * np.float32(32768))
    pcm: NDArray[np.int16] = np.clip(scaled, -32768, 32767).astype(np.int16)
    return pcm


class AudioError(ValueError):
    """The samples cannot be encoded: not finite, not mono, or none at all."""


class _GuardedSink:
    """Keeps the first error of a sink, because none can pass through libsndfile's callbacks.

    After an error it swallows everything, so that a half-written file can be closed.
    """

    def __init__(self, sink: Seekable) -> None:
        self._sink = sink
        self.error: Exception | None = None

    def write(self, data: bytes) -> int:
        return self._guard(lambda: self._sink.write(data), len(data))

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._guard(lambda: self._sink.seek(offset, whence), 0)

    def tell(self) -> int:
        return self._guard(self._sink.tell, 0)

    def _guard(self, call: Callable[[], int], otherwise: int) -> int:
        if self.error is None:
            try:
                return call()
            except Exception as error:  # noqa: BLE001 - raised again by the encoder
                self.error = error
        return otherwise


class Encoder:
    """Encodes a stream of mono samples into `sink`, resampling from one rate to another [Hz].

    The encoder goes back to the start of the sink once, to complete its header.

    Nothing is written before the first sample. WAV, FLAC and MP3 are written with each block,
    Opus in pages of about a second. An encoder that is dropped without `close` leaves the sink
    with a truncated file; errors of the sink are raised as they are.
    """

    def __init__(
        self,
        sink: Seekable,
        format_name: str,
        sample_rate_in: int,
        sample_rate_out: int,
        stream: Appendable | None = None,
    ) -> None:
        """Into `stream` goes the same in bytes that never change (`pipelines.audio.appending`).

        Raises InvalidInput where the format is unknown or lacks the rate that goes out.
        """
        self._format = check_format(format_name, sample_rate_out)
        self._sample_rate = sample_rate_out
        whole = sink if stream is None else Fork(sink, stream, self._format.container)
        self._sink = _GuardedSink(whole)
        self._file: soundfile.SoundFile | AacFile | None = None
        self._resampler = (
            None
            if sample_rate_in == sample_rate_out
            else soxr.ResampleStream(sample_rate_in, sample_rate_out, 1, dtype="float32")
        )
        self._closed = False
        self.samples = 0
        """Samples encoded so far, at the rate that goes out."""

    @property
    def seconds(self) -> float:
        """Length of what has been encoded so far."""
        return self.samples / self._sample_rate

    def write(self, samples: Waveform) -> None:
        """Encode the next samples, `[samples]` in [-1, 1], clipped beyond. Raises AudioError."""
        if self._closed:
            raise ValueError("The encoder is closed.")
        samples = np.asarray(samples, dtype=np.float32)
        if samples.ndim != 1:
            raise AudioError(f"Mono samples are one row of numbers, not {samples.shape}.")
        if not np.isfinite(samples).all():
            raise AudioError("The audio holds samples that are not finite numbers.")
        self._encode(samples, last=False)

    def close(self) -> None:
        """Encode what resampling held back and complete the header. Raises AudioError if empty."""
        if self._closed:
            return
        self._closed = True
        self._encode(np.zeros(0, np.float32), last=True)
        if self._file is None:
            raise AudioError("There is no audio to encode.")
        self._call(self._file.close)

    def _encode(self, samples: Waveform, last: bool) -> None:
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last)
        if not samples.size:
            return
        file = self._file or self._call(self._open)
        clipped = np.clip(samples, -1, 1)
        block: Any = to_pcm16(samples) if self._format.exact else clipped
        self._call(lambda: file.write(block))
        self.samples += len(samples)

    def _open(self) -> soundfile.SoundFile | AacFile:
        wanted, rate = self._format, self._sample_rate
        if wanted.container == "ADTS":
            self._file = AacFile(self._sink, rate, 1000 * (wanted.kbits or 0))
            return self._file
        compression, mode = wanted.compression, None
        if wanted.kbits is not None:
            compression = _compression(wanted, rate)
            mode = "CONSTANT" if wanted.container == "MP3" else None
        self._file = soundfile.SoundFile(
            self._sink,
            "w",
            rate,
            channels=1,
            subtype=wanted.codec,
            format=wanted.container,
            compression_level=compression,
            bitrate_mode=mode,
        )
        return self._file

    def _call(self, action: Callable[[], Any]) -> Any:
        """Run one call into libsndfile; what the sink raised meanwhile is the error that counts."""
        try:
            result = action()
        except soundfile.SoundFileError:
            if self._sink.error is None:
                raise
        if self._sink.error is not None:
            raise self._sink.error
        return result


def _compression(audio_format: AudioFormat, sample_rate: int) -> float:
    """libsndfile's compression level for a bit rate: a line from the highest rate of the codec to
    its lowest [kbit/s], both of which are those of LAME and libopus. 1 itself is refused."""
    if audio_format.container == "MP3":
        highest, lowest = (320, 32) if sample_rate >= 32_000 else (160, 8)
    else:
        highest, lowest = 256, 6
    return min((highest - (audio_format.kbits or 0)) / (highest - lowest), 0.9999)
