"""The weights of the small converter: two that are fetched, one that ships."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from pipelines.models.revoice.head import ContentHead, HeadConfig
from pipelines.networks import fcpe, whisper
from pipelines.networks.fcpe import FCPE
from pipelines.networks.whisper import WhisperEncoder
from pipelines.runtime.unfilled import Unfilled
from pipelines.settings import PipelineSettings
from pipelines.weights import checkpoints
from pipelines.weights.ctranslate2 import read_tensors
from pipelines.weights.state_dicts import load_strict, tensors_of
from pipelines.weights.torch_files import read_torch

WHISPER, PITCH = "whisper-base", "fcpe"
"""Entries of the manifest."""
HEAD = "revoice/head.safetensors"


def load_whisper(settings: PipelineSettings) -> WhisperEncoder:
    """Raises WeightsMissing, CheckpointError."""
    with Unfilled():
        model = WhisperEncoder()
    load_strict(model, checkpoints.load(WHISPER, [""], settings), WHISPER)
    return model


def load_pitch(settings: PipelineSettings) -> FCPE:
    """Raises WeightsMissing, CheckpointError."""
    with Unfilled():
        model = FCPE()
    load_strict(model, checkpoints.load(PITCH, [""], settings), PITCH)
    return model


def load_head(settings: PipelineSettings) -> ContentHead:
    """Raises CheckpointError."""
    path = settings.checkpoints / HEAD
    with safe_open(path, framework="pt") as file:
        sizes: dict[str, Any] = json.loads((file.metadata() or {})["config"])
    with Unfilled():
        model = ContentHead(HeadConfig(**sizes))
    state = {name: tensor.float() for name, tensor in load_file(path).items()}
    load_strict(model, state, path.name)
    return model


def save_head(model: ContentHead, path: Path) -> None:
    """As float16, its sizes beside the tensors."""
    state = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, path, metadata={"config": json.dumps(asdict(model.config))})
    path.chmod(0o644)


def convert_whisper(source: Path) -> dict[str, NDArray[Any]]:
    """From the CTranslate2 file; only the encoder is kept."""
    return whisper.from_ctranslate2(read_tensors(source, "encoder/"))


def convert_pitch(source: Path) -> dict[str, NDArray[Any]]:
    """From the file that FCPE's authors publish, as float16."""
    tree = read_torch(source)
    tensors = tensors_of(tree.get("model") if isinstance(tree, dict) else None, "model")
    state = fcpe.from_published(tensors)
    return {name: tensor.numpy().astype(np.float16) for name, tensor in state.items()}
