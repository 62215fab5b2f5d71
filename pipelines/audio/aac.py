"""AAC in ADTS frames, by FFmpeg: libsndfile writes no AAC."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from pipelines.audio.appending import Appendable
from pipelines.protocol import Waveform

_FRAME = 1024
"""Samples of an AAC frame."""


class AacFile:
    """A mono AAC stream (LC) in frames that stand alone, each with a header (ADTS)."""

    def __init__(self, sink: Appendable, sample_rate: int, bits_per_second: int) -> None:
        self._container = av.open(_WriteOnly(sink), "w", format="adts")
        # The codec has at most 6144 bits for a frame of one channel.
        most = 6 * sample_rate
        self._stream = self._container.add_stream("aac", rate=sample_rate, layout="mono")
        self._stream.bit_rate = min(bits_per_second, most)
        self._sample_rate = sample_rate
        self._held: Waveform = np.zeros(0, np.float32)
        self._written = 0

    def write(self, samples: NDArray[Any]) -> None:
        """The next samples, `[samples]` in [-1, 1]."""
        self._held = np.concatenate([self._held, samples.astype(np.float32)])
        whole = len(self._held) // _FRAME * _FRAME
        for start in range(0, whole, _FRAME):
            self._encode(self._held[start : start + _FRAME])
        self._held = self._held[whole:]

    def close(self) -> None:
        if len(self._held):
            self._encode(self._held)
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()

    def _encode(self, samples: Waveform) -> None:
        block = np.ascontiguousarray(samples[None])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate = self._sample_rate
        frame.pts = self._written
        self._written += len(samples)
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


class _WriteOnly:
    """Shows FFmpeg a file that cannot be sought."""

    def __init__(self, sink: Appendable) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        return self._sink.write(bytes(data))
