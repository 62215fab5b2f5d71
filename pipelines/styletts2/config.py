"""Sizes of the StyleTTS2 family. A checkpoint is described by one `ModelConfig`."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class BertConfig:
    """PL-BERT: an ALBERT over phoneme symbols."""

    hidden: int = 768
    heads: int = 12
    intermediate: int = 2048
    layers: int = 12
    positions: int = 512


@dataclass(frozen=True, slots=True)
class IstftnetConfig:
    """The iSTFTNet generator: two upsampling stages, then an inverse STFT."""

    upsample_rates: tuple[int, ...] = (10, 6)
    upsample_kernels: tuple[int, ...] = (20, 12)
    initial_channels: int = 512
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[int, ...] = (1, 3, 5)
    n_fft: int = 20
    hop: int = 5

    @property
    def samples_per_frame(self) -> int:
        """Samples per F0 frame, of which there are two in one alignment frame."""
        return prod(self.upsample_rates) * self.hop


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One checkpoint of the family. Alignment frames are 600 samples: 25 ms at 24 kHz."""

    symbols: int = 178
    hidden: int = 512
    style: int = 128
    """Size of each half of a style row: the decoder's timbre, then the predictor's prosody."""
    encoder_layers: int = 3
    encoder_kernel: int = 5
    max_duration: int = 50
    sample_rate: int = 24_000
    bert: BertConfig = BertConfig()
    generator: IstftnetConfig = IstftnetConfig()


KOKORO = ModelConfig()
