"""The sizes of the published model."""

from __future__ import annotations

from pipelines.models.makeanaudio.config import (
    DecoderConfig,
    MakeAnAudioConfig,
    ScheduleConfig,
    UNetConfig,
)
from pipelines.networks.bert import BertConfig
from pipelines.networks.vocoders.bigvgan import BigVGANConfig

OFFICIAL = MakeAnAudioConfig(
    bert=BertConfig(
        vocabulary=30522,
        width=768,
        layers=12,
        heads=12,
        inner=3072,
        positions=512,
        token_types=2,
        norm_epsilon=1e-12,
    ),
    unet=UNetConfig(
        channels_in=4,
        channels_out=4,
        width=320,
        multipliers=(1, 2),
        blocks=2,
        attention_rates=(1, 2),
        heads=8,
        depth=1,
        context=1024,
    ),
    decoder=DecoderConfig(
        latent=4,
        channels_in=4,
        channels_out=1,
        width=128,
        multipliers=(1, 2, 2, 4),
        blocks=3,
        attention_levels=(2, 3),
    ),
    schedule=ScheduleConfig(first=0.00085, last=0.012, levels=1000),
)

VOCODER = BigVGANConfig(
    mels=80,
    channels=1536,
    upsample_rates=(4, 4, 2, 2, 2, 2),
    upsample_kernels=(8, 8, 4, 4, 4, 4),
    block_kernels=(3, 7, 11),
    block_dilations=((1, 3, 5),) * 3,
    snake_beta=True,
    log_scale=True,
)
