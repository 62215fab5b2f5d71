"""Sizes come from the configuration: other widths, depths and levels make working models too."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipelines.models.makeanaudio.checkpoint import MakeAnAudioFiles
from pipelines.models.makeanaudio.description_encoder import TOKENS, DescriptionEncoder
from pipelines.models.makeanaudio.unet import SpatialTransformer, UNet
from pipelines.models.makeanaudio.vae import AttentionBlock, LatentDecoder


@pytest.mark.parametrize(
    ("changes", "transformers"),
    [
        ({}, 11),
        ({"width": 64, "heads": 4, "context": 20}, 11),
        ({"blocks": 1, "depth": 2}, 7),
        ({"blocks": 3, "multipliers": (2, 1)}, 15),
        ({"attention_rates": (2,)}, 6),
        ({"attention_rates": ()}, 1),
        ({"multipliers": (1,), "channels_in": 3, "channels_out": 6}, 6),
    ],
)
def test_makeanaudio_unet(
    files: MakeAnAudioFiles, changes: dict[str, object], transformers: int
) -> None:
    config = replace(files.read_config().unet, **changes)
    model = UNet(config)
    found = [layer for layer in model.modules() if isinstance(layer, SpatialTransformer)]
    assert len(found) == transformers
    assert all(len(layer.transformer_blocks) == config.depth for layer in found)
    with torch.no_grad():
        noise = model(
            torch.randn(2, config.channels_in, 10, 6),
            torch.tensor([3, 900]),
            torch.randn(2, 5, config.context),
        )
    assert noise.shape == (2, config.channels_out, 10, 6)
    assert not torch.equal(noise[0], noise[1])


@pytest.mark.parametrize(
    ("changes", "attention"),
    [
        ({}, 7),
        ({"width": 64, "multipliers": (1, 2), "attention_levels": (0,)}, 4),
        ({"blocks": 2, "attention_levels": ()}, 1),
        ({"latent": 8, "channels_in": 6, "channels_out": 2}, 7),
    ],
)
def test_makeanaudio_decoder(
    files: MakeAnAudioFiles, changes: dict[str, object], attention: int
) -> None:
    config = replace(files.read_config().decoder, **changes)
    model = LatentDecoder(config)
    found = [layer for layer in model.modules() if isinstance(layer, AttentionBlock)]
    assert len(found) == attention
    with torch.no_grad():
        mel = model.decoder(model.post_quant_conv(torch.randn(1, config.latent, 10, 2)))
    scale = 2 ** (len(config.multipliers) - 1)
    assert mel.shape == (1, config.channels_out, 10 * scale, 2 * scale)


def test_makeanaudio_text_encoder(files: MakeAnAudioFiles) -> None:
    config = replace(files.read_config().bert, width=24, layers=3, heads=6, positions=TOKENS)
    model = DescriptionEncoder(config, context=10)
    with torch.no_grad():
        assert model(torch.zeros(2, TOKENS, dtype=torch.int64)).shape == (2, TOKENS, 10)
