"""The vectors of all phrases of all kinds, which descriptions are compared with.

    python -m pipelines.models.foley.phrases

writes `checkpoints/foley/phrases.safetensors`; it needs MiniLM (`bernie fetch foley`) and is run
again when the phrases of a kind change.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from pipelines.models.foley.catalogue import SOUNDS
from pipelines.models.foley.files import FoleyFiles
from pipelines.models.foley.sentences import Floats, SentenceEncoder
from pipelines.runtime.device import configure
from pipelines.settings import PipelineSettings
from pipelines.weights.torch_files import CheckpointError

PHRASES = tuple((phrase, name) for name, sound in SOUNDS.items() for phrase in sound.phrases)
"""Each phrase with its kind."""


def write_phrases(encode: SentenceEncoder, target: Path) -> None:
    vectors = encode([phrase for phrase, _ in PHRASES])
    save_file({"phrases": vectors.astype(np.float16)}, target)


def read_phrases(path: Path) -> Floats:
    """`[phrases, 384]` in the order of `PHRASES`. Raises CheckpointError if it has others."""
    vectors: Floats = load_file(path)["phrases"].astype(np.float32)
    if len(vectors) != len(PHRASES):
        raise CheckpointError(f"{path.name} has {len(vectors)} phrases instead of {len(PHRASES)}")
    return vectors


def main() -> None:
    files = FoleyFiles.of(PipelineSettings())
    encode = SentenceEncoder(files.minilm, files.vocabulary, configure(PipelineSettings()))
    write_phrases(encode, files.phrases)


if __name__ == "__main__":
    main()
