"""What a pipeline needs to know of its surroundings; the service fills it from its own settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CHECKPOINTS = Path(__file__).resolve().parent.parent / "checkpoints"


@dataclass(frozen=True, slots=True)
class GraphSettings:
    """Whether the network of a stage is captured as CUDA graphs, and for which batches at the
    start."""

    memory_mb: int = 0
    """For all graphs together; 0: nothing is captured."""
    max_batch: int = 1
    max_length: int = 1
    """Members of a batch times its longest length, in the unit of the stage."""


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """Where weights lie and how models run."""

    checkpoints: Path = CHECKPOINTS
    device: str = "cpu"
    dtype: str = "auto"
    """`auto`, `float32` or `bfloat16`; `auto` is bfloat16 where the processor computes in it."""
    convolutions: str = "auto"
    """`fast`: with fewer products, by loops that are compiled for the processor; `plain`: torch's
    own; `auto`: fast on a CPU where they work."""
    graphs: GraphSettings = GraphSettings()
    threads: int = 1
    """torch threads inside one replica."""
    chunk_characters: int = 125
    """Longest text chunk, in characters."""
    spoken_characters: int = 20_000
    """Most characters of a text after normalisation, with numbers and signs in words."""
    silence_seconds: float = 0.3
    """Silence between the chunks of a text."""
    sound_level: float = -23.0
    """Of the loudest half second of a sound effect of Foley, dB of full scale."""
    sound_similarity: float = 0.0
    """Least cosine of a description and the nearest kind of sound of Foley; what is below is
    refused."""

    @property
    def cache(self) -> Path:
        """Converted weights: safe to delete, made again from their source."""
        return self.checkpoints / "cache"

    @property
    def models(self) -> Path:
        """The folders of the models whose files come from a hub."""
        return self.checkpoints / "models"

    @property
    def hub_cache(self) -> Path:
        """Downloads of huggingface_hub: safe to delete once the models are installed."""
        return self.checkpoints / "hf_cache"
