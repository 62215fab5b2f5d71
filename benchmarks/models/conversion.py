"""The stages of Seed-VC: a source of 10 s behind a reference of 5 s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from torch import Tensor

from benchmarks.models.work import Prepare, Size, Work, still
from parity.sizes import seedvc
from pipelines.models.seedvc.config import SeedVCConfig
from pipelines.models.seedvc.content import content_encoder
from pipelines.models.seedvc.dit import VelocityEstimator
from pipelines.models.seedvc.length_regulator import LengthRegulator
from pipelines.models.seedvc.segments import ConversionSegment
from pipelines.models.seedvc.stages import SeedVCDiffusion
from pipelines.networks.campplus import CampPlus, speaker_embedding
from pipelines.networks.rmvpe import RMVPE, RMVPEConfig, track_pitch
from pipelines.networks.vocoders.bigvgan import BigVGAN
from pipelines.runtime.graphs import Graphed
from pipelines.runtime.precision import autocast, in_types_of, place

SOURCE_SECONDS, REFERENCE_SECONDS, VOCODER_SECONDS = 10, 5, 2
NARROW_RATE = 16_000
MANY_STEPS = 1000
"""So that a state can be advanced as often as the benchmark likes."""


def content(size: Size) -> Work:
    encoder = content_encoder(seedvc.WHISPER_SMALL)
    still(encoder, size)
    place(encoder, size.runtime)
    waves = list(0.1 * size.noise(SOURCE_SECONDS * NARROW_RATE))

    def hear() -> Sequence[Tensor]:
        with autocast(size.runtime):
            return encoder.features(waves)

    return hear


def speaker(size: Size) -> Work:
    model = still(CampPlus(), size)
    waves = 0.1 * size.noise(REFERENCE_SECONDS * NARROW_RATE)
    return lambda: [speaker_embedding(model, wave) for wave in waves]


def pitch(size: Size) -> Work:
    tracker = still(RMVPE(RMVPEConfig()), size)
    waves = 0.1 * size.noise(SOURCE_SECONDS * NARROW_RATE)
    return lambda: [track_pitch(tracker, wave) for wave in waves]


def regulator(size: Size, *, config: SeedVCConfig) -> Work:
    model = still(LengthRegulator(config.regulator), size)
    features = size.noise(50 * SOURCE_SECONDS, config.regulator.features)
    frames = config.mel.frames(SOURCE_SECONDS * config.sample_rate)
    contour = 150 + 30 * size.noise(100 * SOURCE_SECONDS) if config.pitched else None
    return lambda: model(features, frames, contour)


def step(
    size: Size, *, config: SeedVCConfig, guidance: float, seconds: float = SOURCE_SECONDS
) -> Work:
    """`seconds` of a source, behind half as much of a reference."""
    stage = SeedVCDiffusion(still(VelocityEstimator(config.dit), size), size.runtime)
    states = stage.begin([segment(config, guidance, seconds)] * size.batch)

    def advance() -> Sequence[Tensor]:
        before = [state.x.clone() for state in states]
        stage.step(states)
        return [state.x - x for state, x in zip(states, before, strict=True)]

    return advance


def segment(
    config: SeedVCConfig, guidance: float, seconds: float = SOURCE_SECONDS
) -> ConversionSegment:
    """The window of the source behind the reference, made of noise."""
    draw = np.random.default_rng(0).standard_normal
    prompt, frames = (
        config.mel.frames(round(each * config.sample_rate)) for each in (seconds / 2, seconds)
    )
    return ConversionSegment(
        index=0,
        seed=0,
        length=prompt + frames,
        prompt=draw((prompt, config.mel.bands), np.float32) - 4,
        prompt_content=draw((prompt, config.dit.content), np.float32),
        style=draw(config.dit.style, np.float32),
        content=draw((frames, config.dit.content), np.float32),
        steps=MANY_STEPS,
        guidance=guidance,
    )


def shortened(pattern: ConversionSegment, frames: int) -> ConversionSegment:
    """The same with so many frames less at its end."""
    content = pattern.content[: len(pattern.content) - frames]
    return replace(pattern, length=pattern.length - frames, content=content)


def vocoder(size: Size, *, config: SeedVCConfig) -> Work:
    model = still(BigVGAN(seedvc.vocoder(config)), size)
    place(model, size.runtime)
    mel = size.noise(config.mel.bands, VOCODER_SECONDS * config.sample_rate // model.hop) - 4
    run = in_types_of(size.runtime, model)
    return partial(Graphed("BigVGAN", run, size.runtime.graphs), mel)


def stages(config: SeedVCConfig) -> dict[str, Prepare]:
    tracker: dict[str, Prepare] = {"pitch, 10 s": pitch} if config.pitched else {}
    return {
        "content, a window of 30 s": content,
        "speaker, 5 s": speaker,
        **tracker,
        "length regulator, 10 s": partial(regulator, config=config),
        "flow, a step, guided": partial(step, config=config, guidance=0.7),
        "flow, a step": partial(step, config=config, guidance=0.0),
        "vocoder, 2 s": partial(vocoder, config=config),
    }


MODELS = {"seed-vc": stages(seedvc.SPEECH), "seed-vc-f0": stages(seedvc.SINGING)}
