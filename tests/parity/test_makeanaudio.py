"""Every recorded tensor of the reference, and what the command does when something differs."""

from __future__ import annotations

import torch
from safetensors.torch import load_file

from parity.makeanaudio import compare
from tests.pipelines.models.makeanaudio.goldens import folder


def test_compare_makeanaudio_every_recorded_tensor() -> None:
    with torch.inference_mode():
        rows = compare(folder())
    assert [row for row in rows if not row.passed] == []
    compared = {row.tensor for row in rows}
    inputs = {"x", "t", "context", "z_in", "mel_in", "blocks.z_in", "temb_t", "pcm16_edge.in"}
    for path in (folder() / "goldens").iterdir():
        for key in load_file(path):
            is_input = key in inputs or path.stem in ("unet", "modules") or key.endswith("_unused")
            assert is_input or key in compared
    assert {row.stage for row in rows} > {"text", "unet", "ddim", "vae", "vocoder", "end to end"}
