"""The sizes of the published models."""

from __future__ import annotations

from pipelines.audio.mel import MelConfig
from pipelines.models.seedvc.config import (
    MEL_EPSILON,
    DiTConfig,
    RegulatorConfig,
    SeedVCConfig,
    WaveNetConfig,
)
from pipelines.networks.vocoders.bigvgan import BigVGANConfig

SPEECH = SeedVCConfig(
    sample_rate=22050,
    mel=MelConfig(filter_rate=22050, fft=1024, hop=256, bands=80, window=1024, epsilon=MEL_EPSILON),
    regulator=RegulatorConfig(features=768, channels=512, blocks=4, pitch_bins=None),
    dit=DiTConfig(
        bands=80,
        width=512,
        heads=8,
        depth=13,
        content=512,
        style=192,
        long_skip=True,
        wavenet=WaveNetConfig(layers=8, kernel=5, dilation_rate=1),
    ),
    content_encoder="openai/whisper-small",
    vocoder="nvidia/bigvgan_v2_22khz_80band_256x",
)
"""Speech at 22.05 kHz, without F0."""

SINGING = SeedVCConfig(
    sample_rate=44100,
    mel=MelConfig(
        filter_rate=44100, fft=2048, hop=512, bands=128, window=2048, epsilon=MEL_EPSILON
    ),
    regulator=RegulatorConfig(features=768, channels=768, blocks=4, pitch_bins=256),
    dit=DiTConfig(
        bands=128,
        width=768,
        heads=12,
        depth=17,
        content=768,
        style=192,
        long_skip=False,
        wavenet=None,
    ),
    content_encoder="openai/whisper-small",
    vocoder="nvidia/bigvgan_v2_44khz_128band_512x",
)
"""Singing and speech at 44.1 kHz, conditioned on F0."""

WHISPER_SMALL = {
    "d_model": 768,
    "encoder_layers": 12,
    "encoder_attention_heads": 12,
    "encoder_ffn_dim": 3072,
}
"""What distinguishes the encoder of `openai/whisper-small` in its `config.json`."""


def vocoder(config: SeedVCConfig) -> BigVGANConfig:
    """BigVGAN v2 for one of the two."""
    first = 4 if config is SPEECH else 8
    rates = (first, 4, 2, 2, 2, 2)
    return BigVGANConfig(
        mels=config.mel.bands,
        channels=1536,
        upsample_rates=rates,
        upsample_kernels=tuple(2 * rate for rate in rates),
        block_kernels=(3, 7, 11),
        block_dilations=((1, 3, 5),) * 3,
        snake_beta=True,
        log_scale=True,
        final_bias=False,
        final_tanh=False,
    )
