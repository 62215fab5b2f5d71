"""Seed-VC against recordings of the reference; see `parity.comparison`.

A folder holds `audio/`, `whisper/`, the recordings of the speaker encoder and one folder for each
variant. The speaker encoder's weights are published ones that a folder need not repeat: they are
also looked for among the installed checkpoints. Without them its recordings count as failures, and
everything else starts from the recorded embeddings.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from parity.comparison import Row
from parity.seedvc_bench import Bench
from parity.seedvc_networks import estimator, pitch, regulator, speaker, vocoder
from parity.seedvc_runs import content, flow, long_runs, recordings
from pipelines.networks.campplus import CampPlus
from pipelines.settings import CHECKPOINTS, PipelineSettings

CAMPPLUS = "campplus_cn_common.bin"

SECTIONS: tuple[Callable[[Bench], None], ...] = (
    recordings,
    content,
    pitch,
    regulator,
    estimator,
    flow,
    vocoder,
    long_runs,
)


def compare(folder: Path) -> list[Row]:
    """One row for each recorded tensor. Raises CheckpointError, FileNotFoundError and KeyError."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = PipelineSettings(Path(scratch), dtype="float32")
        published = _campplus(folder)
        campplus = published or _stand_in(Path(scratch) / CAMPPLUS)
        rows = speaker(folder, campplus, settings) if published else _without_speaker(folder)
        for config in sorted(folder.glob("*/config.yml")):
            bench = Bench(config.parent, campplus, settings, speaker_known=published is not None)
            for section in SECTIONS:
                section(bench)
            rows += bench.rows + bench.left_out()
    return rows


def _campplus(folder: Path) -> Path | None:
    found = [path for place in (folder, CHECKPOINTS) for path in sorted(place.rglob(CAMPPLUS))]
    return found[0] if found else None


def _stand_in(path: Path) -> Path:
    """Random weights, so that the stages can be built; what they give is replaced."""
    torch.save(CampPlus().state_dict(), path)
    return path


def _without_speaker(folder: Path) -> list[Row]:
    return [
        Row("speaker", f"{path.name} ({CAMPPLUS} is missing)", math.nan, math.nan, math.nan, False)
        for path in sorted(folder.rglob("campplus.safetensors"))
    ]
