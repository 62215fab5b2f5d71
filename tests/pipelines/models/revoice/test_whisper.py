from __future__ import annotations

import torch

from pipelines.models.seedvc.content import WINDOW_SAMPLES, content_encoder
from pipelines.networks.whisper import HEADS, LAYERS, WIDTH, WhisperEncoder
from pipelines.runtime.device import configure
from pipelines.settings import PipelineSettings

SIZES = {
    "num_mel_bins": 80,
    "d_model": WIDTH,
    "encoder_layers": LAYERS,
    "encoder_attention_heads": HEADS,
    "encoder_ffn_dim": 4 * WIDTH,
    "decoder_layers": 1,
}
NAMES = {
    "attention_norm": "self_attn_layer_norm",
    "out": "self_attn.out_proj",
    "norm": "final_layer_norm",
    "wide": "fc1",
    "narrow": "fc2",
}


def their_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    found = {}
    for name, tensor in state.items():
        module, _, kind = name.rpartition(".")
        prefix, _, layer = module.rpartition(".")
        if layer == "qkv":
            parts = zip("qkv", tensor.chunk(3), strict=True)
            found.update({f"{prefix}.self_attn.{part}_proj.{kind}": t for part, t in parts})
        elif prefix:
            found[f"{prefix}.{NAMES[layer]}.{kind}"] = tensor
        else:
            found[f"{module.replace('norm', 'layer_norm')}.{kind}"] = tensor
    return found


@torch.inference_mode()
def test_whisper_thirty_seconds_are_heard_as_the_original_hears_them() -> None:
    configure(PipelineSettings())
    torch.manual_seed(0)
    ours, theirs = WhisperEncoder().eval(), content_encoder(SIZES).eval()
    state = their_names(ours.state_dict())
    # The original's keys have no bias, ours are read from a file where it is zero.
    for name in [name for name in state if name.endswith("k_proj.bias")]:
        state.pop(name).zero_()
    missing, unexpected = theirs.encoder.load_state_dict(state, strict=False)
    assert (list(missing), list(unexpected)) == (["embed_positions.weight"], [])
    wave = 0.1 * torch.randn(1, WINDOW_SAMPLES)
    torch.testing.assert_close(ours(wave), theirs(wave), atol=2e-3, rtol=1e-3)
