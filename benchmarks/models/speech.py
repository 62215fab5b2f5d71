"""The stages of StyleTTS2 and Kokoro: 60 tokens that last 5 s."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from benchmarks.models.work import Prepare, Size, Work, still
from pipelines.models.styletts2.acoustic import AcousticModel
from pipelines.models.styletts2.config import KOKORO, LIBRITTS, LJSPEECH, ModelConfig
from pipelines.models.styletts2.decoder import Decoder
from pipelines.models.styletts2.guidance import DenoiserPasses, GuidedDenoiser
from pipelines.models.styletts2.sampler import advance, levels_of, schedule
from pipelines.models.styletts2.style_encoder import StyleEncoder, reference_mel
from pipelines.networks.vocoders.source import HARMONICS
from pipelines.runtime.lengths import Lengths
from pipelines.runtime.precision import place

TOKENS, SECONDS, FRAMES_PER_SECOND = 60, 5, 40
FRAMES = SECONDS * FRAMES_PER_SECOND
STEPS = 5


def reference(size: Size, *, config: ModelConfig) -> Work:
    encoders = [still(StyleEncoder(config), size) for _ in range(2)]
    wave = 0.1 * size.noise(SECONDS * config.sample_rate)
    return lambda: [encoder(reference_mel(wave)) for encoder in encoders]


def style(size: Size, *, config: ModelConfig, scale: float) -> Work:
    model = still(AcousticModel(config), size)
    place(model.denoiser, size.runtime)
    text = size.noise(TOKENS, config.bert.hidden)
    given = size.noise(2 * config.style)
    features = given if config.multispeaker else None
    scales = [scale] * size.batch
    passes = DenoiserPasses(model.denoiser, size.runtime)
    denoiser = GuidedDenoiser(list(text), features, scales, passes)

    steps = [levels_of([step] * size.batch, size.runtime.device) for step in schedule(STEPS)]

    def sample() -> Tensor:
        x = 3 * given
        for step in steps:
            x = advance(denoiser, x, step, given)
        return x

    return sample


def acoustics(size: Size, *, config: ModelConfig, frames: int = FRAMES) -> Work:
    model = still(AcousticModel(config), size)
    place(model, size.runtime)
    device = size.runtime.device
    tokens = torch.randint(1, config.symbols, (size.batch, TOKENS), device=device)
    lengths, spans = (
        Lengths.of([TOKENS] * size.batch, device),
        Lengths.of([frames] * size.batch, device),
    )
    prosody = size.noise(config.style)
    aligned = size.noise(config.hidden + config.style, frames)

    def predict() -> Sequence[Tensor]:
        hidden = model.bert_encoder(model.read(tokens, lengths))
        durations = model.predictor.durations(hidden, prosody, lengths)
        text = model.text_encoder(tokens, lengths)
        return [*durations, text, *model.predictor.contours(aligned, prosody, spans)]

    return predict


def decoder(size: Size, *, config: ModelConfig, frames: int = FRAMES) -> Work:
    model = still(Decoder(config), size)
    place(model, size.runtime)
    inputs = [
        size.noise(config.hidden, frames),
        150 + 30 * size.noise(2 * frames),
        size.noise(2 * frames),
        size.noise(config.style),
    ]
    spans = Lengths.of([frames] * size.batch, size.runtime.device)
    noise = size.noise(frames * model.samples_per_frame, HARMONICS)
    return lambda: model(*inputs, spans, noise)


def stages(config: ModelConfig, seconds: int = SECONDS) -> dict[str, Prepare]:
    """By name, in order, of speech that lasts `seconds`. A model whose styles are given samples
    none."""
    frames = seconds * FRAMES_PER_SECOND
    found: dict[str, Prepare] = {}
    if config.multispeaker:
        found["style of a 5 s recording"] = partial(reference, config=config)
    if config.denoiser is not None:
        found["style, 5 steps"] = partial(style, config=config, scale=1.0)
        found["style, 5 steps, guided"] = partial(style, config=config, scale=2.0)
    found["durations, F0, energy"] = partial(acoustics, config=config, frames=frames)
    found[f"vocoder, {seconds} s"] = partial(decoder, config=config, frames=frames)
    return found


MODELS = {
    "styletts2-libritts": stages(LIBRITTS),
    "styletts2-ljspeech": stages(LJSPEECH),
    "kokoro": stages(KOKORO),
}
