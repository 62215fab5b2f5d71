"""What models ask of a device, counted: it hardly grows with a batch, and a step waits for nothing.

The device is `meta`, where shapes are computed and no numbers: it refuses whatever would have to
wait for a number, and a copy from this process is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.operations import META, decoding, empty, flowing, on_meta, operations
from parity.sizes import seedvc
from parity.sizes.makeanaudio import OFFICIAL, VOCODER
from pipelines.models.makeanaudio.checkpoint import MakeAnAudioFiles
from pipelines.models.makeanaudio.segments import SoundSegment
from pipelines.models.makeanaudio.stages import DECODED_BYTES, MakeAnAudioDiffusion
from pipelines.models.makeanaudio.vae import LatentDecoder
from pipelines.models.seedvc.config import SeedVCConfig
from pipelines.models.styletts2.checkpoint import published_checkpoint
from pipelines.models.styletts2.config import KOKORO, LIBRITTS, ModelConfig
from pipelines.models.styletts2.diffusion import StyleTTS2Diffusion
from pipelines.models.styletts2.segments import SpeechSegment
from pipelines.networks.vocoders.bigvgan import BigVGAN
from pipelines.requests.sound import LATENT_HEIGHT
from pipelines.requests.speech import Sampling
from pipelines.runtime.lengths import Lengths
from pipelines.settings import PipelineSettings
from tests.pipelines.models.makeanaudio.goldens import folder
from tests.pipelines.models.styletts2.conftest import GOLDENS

MOST = 1.3
"""Times as many operations for sixteen members as for one."""


@pytest.mark.parametrize(("config", "most"), [(LIBRITTS, 2_300), (KOKORO, 1_300)])
def test_decoder_of_sixteen(config: ModelConfig, most: int) -> None:
    of = decoding(config)
    alone, together = operations(of(1)).total, operations(of(16)).total
    assert together <= MOST * alone
    assert together <= most


@pytest.mark.parametrize("config", [seedvc.SPEECH, seedvc.SINGING], ids=["speech", "singing"])
def test_euler_step_of_sixteen_flows(config: SeedVCConfig) -> None:
    of = flowing(config)
    alone, together = operations(of(1)), operations(of(16))
    assert together.total <= MOST * alone.total
    assert together.total <= 450
    assert not together.copies


def test_bigvgan_fits_into_the_memory_that_is_reckoned_with() -> None:
    model: Any = on_meta(BigVGAN, VOCODER)
    run = partial(model, empty(4, VOCODER.mels, 100))
    run()  # makes its filters, once
    counted = operations(run)
    assert counted.total <= 1_900
    assert not counted.copies
    assert 0.5 < counted.peak / (4 * 100 * model.frame_bytes) <= 1


def test_latent_decoder_fits_into_the_memory_that_is_reckoned_with() -> None:
    model = on_meta(LatentDecoder, OFFICIAL.decoder)
    latents = empty(2, OFFICIAL.decoder.latent, LATENT_HEIGHT, 40)
    assert 0.5 < operations(lambda: model(latents)).peak / (2 * 40 * DECODED_BYTES) <= 1


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
