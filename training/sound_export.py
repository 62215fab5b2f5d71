"""Puts what was trained where the service finds it: one file of float16 tensors.

python -m training.sound_export SHARDS DIFFUSION_RUN VOCODER_RUN
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from pipelines.models.makeanaudio_small.checkpoint import FOLDER
from training.sound_latents import LatentEncoder


def export(shards: Path, diffusion: Path, vocoder: Path, target: Path) -> None:
    """Writes `target`: the averaged weights of the diffusion, the decoder, the vocoder."""
    average = torch.load(diffusion / "state.pt", weights_only=True)["average"]
    network = torch.load(vocoder / "vocoder.pt", weights_only=True)
    decoder = LatentEncoder.load(shards / "encoder.npz").decoder().state_dict()
    tensors: dict[str, Tensor] = {
        **{f"denoiser.{name}": tensor for name, tensor in average.items()},
        **{f"decoder.{name}": tensor for name, tensor in decoder.items()},
        **{f"vocoder.network.{name}": tensor for name, tensor in network.items()},
    }
    save_file({name: tensor.half().contiguous() for name, tensor in tensors.items()}, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("diffusion", type=Path)
    parser.add_argument("vocoder", type=Path)
    given = parser.parse_args()
    export(given.shards, given.diffusion, given.vocoder, FOLDER / "model.safetensors")


if __name__ == "__main__":
    main()
