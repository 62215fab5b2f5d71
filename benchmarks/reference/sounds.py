"""Latent diffusion (package `audioldm`), BigVGAN (package `bigvgan`) and Whisper (transformers)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.models.conversion import NARROW_RATE, SOURCE_SECONDS
from benchmarks.models.sounds import WIDTH
from benchmarks.reference.pair import Pair, on
from benchmarks.reference.published import published, taught
from parity.sizes import seedvc
from parity.sizes.makeanaudio import OFFICIAL, VOCODER
from pipelines.models.makeanaudio.description_encoder import TOKENS
from pipelines.models.makeanaudio.unet import UNet
from pipelines.models.makeanaudio.vae import LatentDecoder
from pipelines.models.seedvc.config import SeedVCConfig
from pipelines.models.seedvc.content import SAMPLES_PER_FEATURE, content_encoder
from pipelines.networks.vocoders.bigvgan import BigVGAN, BigVGANConfig
from pipelines.requests.sound import LATENT_FRAMES, LATENT_HEIGHT

MEL_WIDTH = 848
"""Frames that the autoencoder was laid out for; they say which of its levels attend."""


def unet(*, rows: int) -> Pair:
    """A step; guidance takes two `rows` of the batch."""
    config = OFFICIAL.unet
    ours = UNet(config)
    theirs = taught(
        published("audioldm.latent_diffusion.openaimodel").UNetModel(
            image_size=None,
            in_channels=config.channels_in,
            model_channels=config.width,
            out_channels=config.channels_out,
            num_res_blocks=config.blocks,
            attention_resolutions=config.attention_rates,
            channel_mult=config.multipliers,
            num_heads=config.heads,
            use_spatial_transformer=True,
            transformer_depth=config.depth,
            context_dim=config.context,
        ),
        ours,
    )
    latents = torch.randn(rows, config.channels_in, LATENT_HEIGHT, WIDTH)
    levels, texts = torch.full((rows,), 500), torch.randn(rows, TOKENS, config.context)
    return Pair(
        lambda: theirs(latents, levels, context=texts),
        on(ours, lambda model: model(latents, levels, texts)),
    )


def autoencoder() -> Pair:
    config = OFFICIAL.decoder
    ours = LatentDecoder(config)
    theirs = nn.ModuleDict(
        {
            "post_quant_conv": nn.Conv2d(config.latent, config.channels_in, 1),
            "decoder": published("audioldm.variational_autoencoder.modules").Decoder(
                ch=config.width,
                out_ch=config.channels_out,
                ch_mult=config.multipliers,
                num_res_blocks=config.blocks - 1,
                attn_resolutions=[MEL_WIDTH >> level for level in config.attention_levels],
                in_channels=config.channels_out,
                resolution=MEL_WIDTH,
                z_channels=config.channels_in,
            ),
        }
    )
    taught(theirs, ours)
    latents = torch.randn(1, config.latent, LATENT_HEIGHT, WIDTH)
    return Pair(
        lambda: theirs["decoder"](theirs["post_quant_conv"](latents)),
        on(ours, lambda model: model(latents)),
    )


def bigvgan(*, config: BigVGANConfig, frames: int) -> Pair:
    ours = BigVGAN(config)
    sizes = published("bigvgan.env").AttrDict(
        num_mels=config.mels,
        upsample_initial_channel=config.channels,
        upsample_rates=config.upsample_rates,
        upsample_kernel_sizes=config.upsample_kernels,
        resblock="1",
        resblock_kernel_sizes=config.block_kernels,
        resblock_dilation_sizes=config.block_dilations,
        activation="snakebeta",
        snake_logscale=config.log_scale,
        use_bias_at_final=config.final_bias,
        use_tanh_at_final=config.final_tanh,
    )
    theirs = taught(published("bigvgan.bigvgan").BigVGAN(sizes), ours)
    mel = torch.randn(1, config.mels, frames) - 2
    return Pair(lambda: theirs(mel), on(ours, lambda model: model(mel)))


def whisper() -> Pair:
    """Content of 10 s from samples on, which Whisper hears as 30 s."""
    ours = content_encoder(seedvc.WHISPER_SMALL)
    from transformers import WhisperConfig, WhisperFeatureExtractor
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    theirs = taught(WhisperEncoder(WhisperConfig.from_dict(seedvc.WHISPER_SMALL)), ours.encoder)
    hear = WhisperFeatureExtractor()  # type: ignore[no-untyped-call]
    wave = 0.1 * torch.randn(SOURCE_SECONDS * NARROW_RATE)

    def reference() -> Tensor:
        features = hear(wave.numpy(), return_tensors="pt", sampling_rate=NARROW_RATE)
        states: Tensor = theirs(features.input_features).last_hidden_state
        return states[0, : len(wave) // SAMPLES_PER_FEATURE + 1]

    return Pair(reference, on(ours, lambda model: model.features([wave])[0]))


def _of(config: SeedVCConfig) -> Callable[[], Pair]:
    vocoder = seedvc.vocoder(config)
    frames = config.mel.frames(config.sample_rate)
    return partial(bigvgan, config=vocoder, frames=frames)


PAIRS: dict[str, Callable[[], Pair]] = {
    "Seed-VC: content, a window of 30 s": whisper,
    "Seed-VC 22 kHz: BigVGAN v2, 1 s": _of(seedvc.SPEECH),
    "Seed-VC 44 kHz: BigVGAN v2, 1 s": _of(seedvc.SINGING),
    "Make-An-Audio: UNet, a step, guided": partial(unet, rows=2),
    "Make-An-Audio: UNet, a step": partial(unet, rows=1),
    "Make-An-Audio: autoencoder, 10.24 s": autoencoder,
    "Make-An-Audio: BigVGAN v1, 2.56 s": partial(
        bigvgan, config=VOCODER, frames=LATENT_FRAMES * WIDTH // 4
    ),
}
