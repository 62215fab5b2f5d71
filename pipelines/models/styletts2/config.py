"""Sizes and habits of the StyleTTS2 family. A checkpoint is described by one `ModelConfig`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pipelines.networks.vocoders.generator_config import HifiganConfig, IstftnetConfig


@dataclass(frozen=True, slots=True)
class PLBertConfig:
    """PL-BERT: an ALBERT over phoneme symbols."""

    embedding: int = 128
    hidden: int = 768
    heads: int = 12
    intermediate: int = 2048
    layers: int = 12
    positions: int = 512


@dataclass(frozen=True, slots=True)
class StyleDenoiserConfig:
    """The transformer that denoises styles."""

    layers: int = 3
    heads: int = 8
    head_features: int = 64
    multiplier: int = 2
    """Width of the feed-forward layers over that of the model."""
    sigma_data: float = 0.2
    """Standard deviation of the styles that the model was trained on."""


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
    style_channels: int = 64
    """Of the style encoders' first layer."""
    trunk: int = 1024
    trunk_residual: int = 64
    bert: PLBertConfig = PLBertConfig()
    generator: HifiganConfig | IstftnetConfig = field(default_factory=IstftnetConfig)
    denoiser: StyleDenoiserConfig | None = None
    """None where styles are given instead of sampled."""
    multispeaker: bool = False
    """Whether a sampled style is conditioned on that of a reference recording."""
    delayed_features: bool = False
    """Whether the decoder was trained on features one alignment frame late."""
    final_frames: int = 0
    """Alignment frames added to the last token of an utterance that stands alone."""
    cut: int = 0
    """Samples dropped at the end of an utterance, where the model leaves a click."""
    cut_long_form: int = 0
    """The same for a sentence of a long text."""


KOKORO = ModelConfig()
LJSPEECH = ModelConfig(denoiser=StyleDenoiserConfig(), final_frames=5)
LIBRITTS = replace(
    LJSPEECH,
    generator=HifiganConfig(),
    multispeaker=True,
    delayed_features=True,
    final_frames=0,
    cut=50,
    cut_long_form=100,
)
