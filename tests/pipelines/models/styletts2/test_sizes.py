"""Every size comes from the configuration: models of sizes that no recording has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from pipelines.models.styletts2.acoustic import AcousticModel
from pipelines.models.styletts2.checkpoint import published_checkpoint, read_config
from pipelines.models.styletts2.decoder import Decoder
from pipelines.models.styletts2.diffusion import StyleTTS2Diffusion
from pipelines.models.styletts2.published.references import published_frontend
from pipelines.models.styletts2.style_encoder import StyleEncoder
from pipelines.models.styletts2.vocoder import StyleTTS2Vocoder
from pipelines.requests.speech import Sampling, StyledRequest
from pipelines.settings import PipelineSettings
from tests.pipelines.models.styletts2.conftest import hum

DECODERS = {
    "hifigan": {
        "upsample_rates": [6, 5, 10],
        "upsample_kernel_sizes": [12, 10, 20],
        "resblock_kernel_sizes": [3, 5],
        "resblock_dilation_sizes": [[1, 3], [1, 2, 4]],
    },
    "istftnet": {
        "upsample_rates": [5, 3, 4],
        "upsample_kernel_sizes": [11, 7, 8],
        "resblock_kernel_sizes": [5],
        "resblock_dilation_sizes": [[1, 3, 5]],
        "gen_istft_n_fft": 16,
        "gen_istft_hop_size": 5,
    },
}


def write(folder: Path, decoder: str, multispeaker: bool) -> None:
    """A checkpoint with random weights in official layout, without weight and spectral norm."""
    model: dict[str, Any] = {
        "multispeaker": multispeaker,
        "dim_in": 5,
        "hidden_dim": 26,
        "n_layer": 2,
        "n_mels": 80,
        "n_token": 178,
        "max_dur": 9,
        "style_dim": 7,
        "decoder": {
            "type": decoder,
            "upsample_initial_channel": 16,
            "decode_hidden_channels": 22,
            "asr_res_channels": 3,
            **DECODERS[decoder],
        },
        "diffusion": {
            "transformer": {"num_layers": 1, "num_heads": 3, "head_features": 5, "multiplier": 3},
            "dist": {"sigma_data": 0.3},
        },
    }
    bert = {
        "hidden_size": 24,
        "num_attention_heads": 3,
        "intermediate_size": 20,
        "num_hidden_layers": 2,
        "max_position_embeddings": 512,
    }
    (folder / "config.yml").write_text(yaml.safe_dump({"model_params": model}))
    (folder / "plbert_config.yml").write_text(yaml.safe_dump({"model_params": bert}))
    torch.manual_seed(0)
    config = read_config(folder)
    modules = dict(AcousticModel(config).named_children())
    modules |= {"decoder": Decoder(config), "style_encoder": StyleEncoder(config)}
    modules["predictor_encoder"] = StyleEncoder(config)
    net = {name: module.state_dict() for name, module in modules.items()}
    net["diffusion"] = {f"unet.{key}": value for key, value in net["diffusion"].items()}
    torch.save({"net": net}, folder / "model.pth")


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("multispeaker", [False, True])
def test_styletts2_from_text_to_sound(tmp_path: Path, decoder: str, multispeaker: bool) -> None:
    write(tmp_path, decoder, multispeaker)
    settings = PipelineSettings(checkpoints=tmp_path, dtype="float32")
    checkpoint = published_checkpoint(tmp_path, settings)
    request = StyledRequest(
        "Hello there.",
        reference=hum(0) if multispeaker else None,
        sampling=Sampling(noise_levels=3, scale=1.5),
    )
    segments: Any = published_frontend(checkpoint, settings).prepare([request])[0]
    diffusion = StyleTTS2Diffusion(checkpoint, settings)
    states: Any = diffusion.begin(segments)
    while states[0].steps_left:
        diffusion.step(states)
    acoustic: Any = diffusion.finish(states)[0]
    [wave] = StyleTTS2Vocoder(checkpoint, settings).synthesize([acoustic])
    assert len(wave) == 600 * acoustic.length - (50 if multispeaker else 0)
    assert np.isfinite(wave).all()
    assert wave.std() > 0
