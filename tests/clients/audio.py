"""Reading what clients get."""

from __future__ import annotations

import io

import av
import numpy as np
import soundfile
from numpy.typing import NDArray


def decode(data: bytes) -> tuple[NDArray[np.float64], int]:
    """Samples and rate of a file that says what it is."""
    with av.open(io.BytesIO(data)) as container:
        rate = container.streams.audio[0].rate
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    samples = np.concatenate(frames).astype(np.float64)
    return (samples / 32768 if np.abs(samples).max() > 2 else samples), rate


def raw(data: bytes, rate: int, codec: str = "PCM_16") -> NDArray[np.float64]:
    """Samples without a header."""
    samples, _ = soundfile.read(
        io.BytesIO(data), samplerate=rate, channels=1, subtype=codec, format="RAW"
    )
    return samples


def pitch(samples: NDArray[np.float64], rate: int) -> float:
    """Hz of the strongest tone."""
    middle = samples[len(samples) // 4 : 3 * len(samples) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return float(np.argmax(spectrum) * rate / len(middle))
