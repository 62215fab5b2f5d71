"""Where the files lie: the phrases and the vocabulary ship, MiniLM is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.settings import PipelineSettings
from pipelines.weights.checkpoints import model_folder

NAME = "foley"


@dataclass(frozen=True, slots=True)
class FoleyFiles:
    phrases: Path
    vocabulary: Path
    minilm: Path

    @classmethod
    def of(cls, settings: PipelineSettings) -> FoleyFiles:
        """Raises WeightsMissing where MiniLM is not installed."""
        folder = settings.checkpoints / NAME
        minilm = model_folder(NAME, settings)
        return cls(folder / "phrases.safetensors", folder / "vocab.txt", minilm)
