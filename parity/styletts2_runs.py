"""Comparisons of batches, of texts in a row, and of all stages in turn from text to waveform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from parity.comparison import compare_abs, compare_rms
from parity.styletts2_bench import (
    ABSOLUTE,
    EXACT,
    FLOAT32,
    LONG_FORM,
    RELATIVE,
    TEXTS,
    Comparison,
    check_style,
    duration_logits,
    lengths_of,
    request_of,
)
from pipelines.models.styletts2.alignment import expected_durations
from pipelines.models.styletts2.diffusion import StyleTTS2Diffusion
from pipelines.models.styletts2.guidance import DenoiserPasses, GuidedDenoiser
from pipelines.models.styletts2.published.references import published_frontend
from pipelines.models.styletts2.sampler import advance, levels_of, schedule
from pipelines.models.styletts2.segments import SpeechAcoustic
from pipelines.models.styletts2.vocoder import StyleTTS2Vocoder
from pipelines.networks.vocoders.generator_config import HifiganConfig

CHAINED, CHAINED_PHASES = 0.05, 0.3
"""Limits of the relative rms error of a waveform all the way from the text: with a generator of
samples, and with one of phases, which jump by 2π."""


def batch(c: Comparison) -> None:
    """Two texts, padded. What the reference computes without a mask is right for the longer only.

    Compared at real positions.
    """
    golden = c.recordings["batch2"]
    tokens, lengths = golden["tokens"], lengths_of(golden)
    c.check("batch2", "text_mask", (~lengths.real).to(torch.uint8), EXACT)
    predictor, style = c.acoustic.predictor, golden["style.s"]

    def check(key: str, ours: Tensor, mask: Tensor) -> None:
        _masked_check(c, "batch2", key, ours, mask)

    by_token, by_channel = lengths.real[:, :, None], lengths.real[:, None]
    check("text_encoder.out", c.acoustic.text_encoder(tokens, lengths), by_channel)
    check("bert.out", c.acoustic.read(tokens, lengths), by_token)
    check("bert_encoder.out", c.acoustic.bert_encoder(golden["bert.out"]).mT, by_channel)
    features, logits = predictor.durations(golden["bert_encoder.out"].mT, style, lengths)
    check("predictor.d", features.mT, by_token)
    check("predictor.duration_logits_packed", logits, by_token)
    longest = (lengths.tensor == lengths.longest)[:, None, None]
    check("predictor.duration_logits_unpacked", logits, longest)
    texts = [row[:count] for row, count in zip(golden["bert.out"], lengths.values, strict=True)]
    denoiser = GuidedDenoiser(
        texts,
        c.reference_style(golden),
        [1.0] * len(texts),
        DenoiserPasses(c.acoustic.denoiser, FLOAT32),
    )
    noises = golden["sampler.n5.step_noise"]
    steps = schedule(len(noises) + 1)
    x = steps[0].start * golden["sampler.n5.init_noise"][:, 0]
    for step, noise in zip(steps, noises, strict=True):
        x = advance(denoiser, x, levels_of([step] * len(x), x.device), noise[:, 0])
    check("sampler.n5.s1.out_unmasked", x[:, None], longest)


def _masked_check(c: Comparison, name: str, key: str, ours: Tensor, mask: Tensor) -> None:
    golden = c.recordings[name][key]
    tolerance = ABSOLUTE + RELATIVE * golden.abs().max().item()
    c.rows.append(compare_abs(name, key, ours * mask, golden * mask, tolerance))


def long_form(c: Comparison) -> None:
    """The second text continues the style of the first."""
    golden = c.recordings["longform"]
    previous = None
    for name in TEXTS:
        case, recorded = name.removeprefix("text_"), c.recordings[name]
        sampled = recorded["sampler.n5.s1.out"][0, 0]
        prefix = f"{case}."
        style = check_style(c, "longform", prefix, sampled, recorded, LONG_FORM, previous)
        c.check("longform", f"{case}.s_prev_out", style[None])
        logits = duration_logits(c, recorded, golden[f"{case}.s"])
        c.check("longform", f"{case}.duration.sum", expected_durations(logits))
        previous = golden[f"{case}.s_prev_out"][0]


def end_to_end(c: Comparison) -> None:
    """The three stage objects from text, and recording, to waveform."""
    frontend = published_frontend(c.checkpoint, c.settings)
    diffusion = ReplayedDiffusion(c.checkpoint, c.settings)
    vocoder = ReplayedVocoder(c.checkpoint, c.settings)
    limit = CHAINED if isinstance(c.config.generator, HifiganConfig) else CHAINED_PHASES
    for name in TEXTS:
        golden = c.recordings[name]
        if "noise.sine" not in golden:
            continue
        segments: Any = frontend.prepare([request_of(c, name)])[0]
        steps = golden["sampler.n5.step_noise"][:, 0, 0]
        diffusion.recorded = torch.cat([golden["sampler.n5.init_noise"][:, 0], steps])
        vocoder.recorded = golden["noise.sine"].float()
        states: Any = diffusion.begin(segments)
        while states[0].steps_left:
            diffusion.step(states)
        acoustics: Any = diffusion.finish(states)
        [wave] = vocoder.synthesize(acoustics)
        ours = torch.from_numpy(wave)
        c.rows.append(compare_rms("end to end", f"{name} wav", ours, golden["wav"], limit))


class ReplayedDiffusion(StyleTTS2Diffusion):
    """Takes its noise from a recording."""

    recorded: Tensor

    def draw(self, _seed: int, _rows: int) -> Tensor:
        return self.recorded


class ReplayedVocoder(StyleTTS2Vocoder):
    """Takes its noise from a recording."""

    recorded: Tensor

    def draw(self, _acoustics: Sequence[SpeechAcoustic]) -> Tensor:
        return self.recorded
