"""What MiniLM reads in the captions of the training data, kept beside it.

python -m pipelines.training.sound_captions FOLDER MINILM
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from pipelines.makeanaudio.small.config import read_small_config
from pipelines.makeanaudio.small.text import Sentences, read
from pipelines.makeanaudio.text_encoder import Bert
from pipelines.settings import CHECKPOINTS
from pipelines.state_dicts import load_strict

FOLDER = CHECKPOINTS / "small-sounds"
UNUSED = ("pooler.", "embeddings.position_ids")


def load_minilm(weights: Path) -> Bert:
    """From the published file, or from what `bernie fetch minilm` made of it."""
    with torch.device("meta"):
        bert = Bert(read_small_config(FOLDER / "config.json").bert)
    state = {k: v for k, v in load_file(weights).items() if not k.startswith(UNUSED)}
    load_strict(bert, state, weights.name)
    return bert


@torch.inference_mode()
def read_captions(folder: Path, bert: Bert) -> None:
    """Writes `W-SEED.text.npy` float16 `[sounds, 40, 384]` beside each list of captions, and
    what no text at all is as `empty.npy`."""
    tokenise = Sentences(FOLDER / "vocab.txt")
    np.save(folder / "empty.npy", read(bert, tokenise("")).numpy().astype(np.float16))
    for path in sorted(folder.glob("*-*.json")):
        target = path.with_suffix(".text.npy")
        if not target.exists():
            captions = [fact["caption"] for fact in json.loads(path.read_text())]
            vectors = torch.stack([read(bert, tokenise(caption)) for caption in captions])
            np.save(target, vectors.numpy().astype(np.float16))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("minilm", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    read_captions(given.folder, load_minilm(given.minilm))


if __name__ == "__main__":
    main()
