"""What models ask of a device, counted: it hardly grows with a batch, and a step waits for nothing.

The device is `meta`, where shapes are computed and no numbers: it refuses whatever would have to
wait for a number, and a copy from this process is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from parity.sizes import seedvc
from pipelines.models.makeanaudio.checkpoint import MakeAnAudioFiles
from pipelines.models.makeanaudio.segments import SoundSegment
from pipelines.models.makeanaudio.stages import MakeAnAudioDiffusion
from pipelines.models.seedvc.config import SeedVCConfig
from pipelines.models.seedvc.dit import VelocityEstimator
from pipelines.models.seedvc.stages import SeedVCDiffusion
from pipelines.models.styletts2.checkpoint import published_checkpoint
from pipelines.models.styletts2.config import KOKORO, LIBRITTS, ModelConfig
from pipelines.models.styletts2.decoder import Decoder
from pipelines.models.styletts2.diffusion import StyleTTS2Diffusion
from pipelines.models.styletts2.segments import SpeechSegment
from pipelines.requests.speech import Sampling
from pipelines.runtime.device import Runtime
from pipelines.runtime.lengths import Lengths
from pipelines.settings import PipelineSettings
from tests.pipelines.models.makeanaudio.goldens import folder
from tests.pipelines.models.seedvc.tiny import random_segment
from tests.pipelines.models.styletts2.conftest import GOLDENS
from tests.pipelines.operations import operations

META = torch.device("meta")
MOST = 1.3
"""Times as many operations for sixteen members as for one."""


def empty(*shape: int) -> Tensor:
    return torch.empty(*shape, device=META)


@pytest.mark.parametrize(("config", "most"), [(LIBRITTS, 2_300), (KOKORO, 1_300)])
def test_decoder_of_sixteen(config: ModelConfig, most: int) -> None:
    with META:
        decoder = Decoder(config).eval()

    def of(members: int) -> int:
        sizes = [200 - 3 * member for member in range(members)]
        lengths, longest = Lengths.of(sizes, META), max(sizes)
        inputs = [
            empty(members, config.hidden, longest),
            empty(members, 2 * longest),
            empty(members, 2 * longest),
            empty(members, config.style),
        ]
        noise = empty(members, longest * decoder.samples_per_frame, 9)
        return operations(lambda: decoder(*inputs, lengths, noise)).total

    alone, together = of(1), of(16)
    assert together <= MOST * alone
    assert together <= most


@pytest.mark.parametrize("config", [seedvc.SPEECH, seedvc.SINGING], ids=["speech", "singing"])
def test_euler_step_of_sixteen_flows(config: SeedVCConfig) -> None:
    with META:
        estimator = VelocityEstimator(config.dit).eval()
    stage = SeedVCDiffusion(estimator, Runtime(META, torch.float32))

    def of(members: int) -> int:
        segments = [random_segment(config, seed, frames=60 + 5 * seed) for seed in range(members)]
        return step_of(stage, stage.begin(segments))

    alone, together = of(1), of(16)
    assert together <= MOST * alone
    assert together <= 450


def step_of(stage: Any, states: Sequence[Any]) -> int:
    """Operations of a step whose batch has not changed; it copies nothing to the device."""
    stage.step(states)
    counted = operations(lambda: stage.step(states))
    assert not counted.copies
    return counted.total


def sounds(cache: Path, lengths: Sequence[int]) -> tuple[Any, list[Any]]:
    files = MakeAnAudioFiles.under(folder())
    stage = MakeAnAudioDiffusion(files, PipelineSettings(cache, device="meta", dtype="float32"))
    text = np.zeros((77, files.read_config().unet.context), np.float32)
    return stage, [
        SoundSegment(0, seed, length, text, text if seed % 2 else None, 10, 1.0 + 2 * (seed % 2), 0)
        for seed, length in enumerate(lengths)
    ]


def styles(cache: Path, lengths: Sequence[int]) -> tuple[Any, list[Any]]:
    settings = PipelineSettings(cache, dtype="float32")
    checkpoint = published_checkpoint(GOLDENS / "libritts", settings)
    stage = StyleTTS2Diffusion(checkpoint, replace(settings, device="meta"))
    style = np.zeros(2 * checkpoint.config.style, np.float32)
    return stage, [
        SpeechSegment(
            index=0,
            seed=seed,
            length=length,
            text="",
            tokens=np.ones(length, np.int64),
            style=style,
            speed=1.0,
            sampling=Sampling(noise_levels=6 + seed, scale=1.0 + seed % 2),
        )
        for seed, length in enumerate(lengths)
    ]


SAMPLERS: dict[str, Callable[[Path, Sequence[int]], tuple[Any, list[Any]]]] = {
    "sounds": sounds,
    "styles": styles,
}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_step_of_a_batch_waits_for_nothing(sampler: str, tmp_path: Path) -> None:
    lengths = [16] * 16 if sampler == "sounds" else [16 + 4 * member for member in range(16)]
    stage, segments = SAMPLERS[sampler](tmp_path, lengths)
    alone = step_of(stage, stage.begin(segments[1:2]))
    states = stage.begin(segments)
    assert step_of(stage, states) <= MOST * alone
    # A member that leaves changes the batch, once.
    assert step_of(stage, states[1:]) <= MOST * alone
    assert step_of(stage, states[1:2]) == alone


def test_lengths_of_clips_are_waited_for_once(tmp_path: Path, monkeypatch: Any) -> None:
    """The number of frames is the one number that the second stage of speech has to know."""
    from pipelines.models.styletts2 import alignment

    asked: list[Tensor] = []

    def told(*tensors: Tensor) -> list[np.ndarray]:
        asked.extend(tensors)
        return [np.full(tensor.shape, 40) for tensor in tensors]

    monkeypatch.setattr(alignment, "to_host", told)
    stage, segments = styles(tmp_path, [16, 20, 24])
    states = stage.begin(segments)
    lengths = Lengths.of([segment.length for segment in segments], META)
    width = max(lengths.values)
    text = torch.stack(
        [torch.nn.functional.pad(s.text, (0, 0, 0, width - len(s.text))) for s in states]
    )
    with torch.inference_mode():
        made = stage.model.speak(
            torch.ones(3, width, dtype=torch.long, device=META),
            text,
            empty(3, stage.config.style),
            empty(3),
            lengths,
            [0, 1, 2],
        )
    assert made.asr.shape[2] == 40
    assert [tuple(tensor.shape) for tensor in asked] == [(3,)]
