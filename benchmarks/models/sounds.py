"""The stages of Make-An-Audio: sounds of 10.24 s."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.models.work import Size, Work, still
from parity.sizes.makeanaudio import OFFICIAL, VOCODER
from pipelines.models.makeanaudio.config import UNetConfig
from pipelines.models.makeanaudio.description_encoder import TOKENS, DescriptionEncoder
from pipelines.models.makeanaudio.unet import UNet
from pipelines.models.makeanaudio.vae import LatentDecoder
from pipelines.networks.vocoders.bigvgan import BigVGAN
from pipelines.requests.sound import LATENT_FRAMES, LATENT_HEIGHT, latent_width
from pipelines.runtime.graphs import Graphed
from pipelines.runtime.precision import in_types_of, place

SECONDS = 10.0
WIDTH = latent_width(SECONDS)


def text(size: Size) -> Work:
    """In float32 whatever the type, as the front end runs it."""
    model = still(DescriptionEncoder(OFFICIAL.bert, OFFICIAL.unet.context), size)
    tokens = torch.randint(1000, 30000, (size.batch, TOKENS), device=size.runtime.device)
    return lambda: model(tokens)


def step(
    size: Size, *, rows: int, unet: UNetConfig = OFFICIAL.unet, seconds: float = SECONDS
) -> Work:
    """A pass of the UNet; guidance takes two `rows` of the batch for a sound."""
    packed = Size(size.runtime, rows * size.batch)
    latents = packed.noise(unet.channels_in, LATENT_HEIGHT, latent_width(seconds))
    levels = torch.full((packed.batch,), 500, device=size.runtime.device)
    texts = packed.noise(TOKENS, unet.context)
    return _graphed(UNet(unet), size, latents, levels, texts)


def decoder(size: Size) -> Work:
    latents = size.noise(OFFICIAL.decoder.latent, LATENT_HEIGHT, WIDTH)
    model = LatentDecoder(OFFICIAL.decoder)
    place(still(model, size), size.runtime)
    return partial(in_types_of(size.runtime, model), latents)


def vocoder(size: Size) -> Work:
    return _graphed(BigVGAN(VOCODER), size, size.noise(VOCODER.mels, LATENT_FRAMES * WIDTH) - 2)


def _graphed(model: nn.Module, size: Size, *inputs: Tensor) -> Work:
    """A network that the service captures where its runtime says so."""
    place(still(model, size), size.runtime)
    run = in_types_of(size.runtime, model)
    return partial(Graphed(type(model).__name__, run, size.runtime.graphs), *inputs)


MODELS = {
    "make-an-audio": {
        "text": text,
        "UNet, a step, guided": partial(step, rows=2),
        "UNet, a step": partial(step, rows=1),
        "decoder, 10.24 s": decoder,
        "vocoder, 10.24 s": vocoder,
    }
}
