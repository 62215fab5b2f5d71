"""A member of a batch gets what it gets alone, in every stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines.models.seedvc.segments import ConversionSegment, MelAcoustic
from pipelines.models.seedvc.stages import SeedVCDiffusion
from pipelines.requests.conversion import ConversionRequest
from tests.pipelines.models.seedvc.tiny import Tiny, buzz, golden_audio, random_segment

TOLERANCE = 2e-4


def alone(stage: SeedVCDiffusion, segment: ConversionSegment) -> MelAcoustic:
    states = stage.begin([segment])
    for _ in range(segment.steps):
        stage.step(states)
    return stage.finish(states)[0]


def mixed(tiny: Tiny) -> list[ConversionSegment]:
    shapes = [(9, 20, 3, 0.7), (5, 37, 2, 0.0), (9, 20, 4, 2.0), (12, 17, 1, 0.7), (3, 9, 3, 0.3)]
    return [
        random_segment(tiny.config, seed, prompt, frames, steps, guidance)
        for seed, (prompt, frames, steps, guidance) in enumerate(shapes)
    ]


@pytest.mark.usefixtures("either_way")
def test_seedvc_flow_of_mixed_lengths_steps_and_guidance(tiny: Tiny) -> None:
    segments = mixed(tiny)
    states = tiny.diffusion.begin(segments)
    running = list(states)
    while running:
        tiny.diffusion.step(running)
        running = [state for state in running if state.steps_left]
    for segment, together in zip(segments, tiny.diffusion.finish(states), strict=True):
        by_itself = alone(tiny.diffusion, segment)
        np.testing.assert_allclose(together.mel, by_itself.mel, atol=TOLERANCE)
        assert together.length == by_itself.length == segment.length - len(segment.prompt)


@pytest.mark.usefixtures("either_way")
def test_seedvc_joining_late_and_leaving_early(tiny: Tiny) -> None:
    first, second, third = mixed(tiny)[:3]
    (early,) = tiny.diffusion.begin([replace(first, steps=4)])
    tiny.diffusion.step([early])
    late = tiny.diffusion.begin([second, third])
    tiny.diffusion.step([late[1], early, late[0]])
    tiny.diffusion.step([early, late[0]])  # the third member left without finishing
    results = tiny.diffusion.finish([late[0]])
    tiny.diffusion.step([early])
    results += tiny.diffusion.finish([early])
    for segment, result in zip([second, replace(first, steps=4)], results, strict=True):
        np.testing.assert_allclose(result.mel, alone(tiny.diffusion, segment).mel, atol=TOLERANCE)


@pytest.mark.usefixtures("either_way")
def test_seedvc_no_pass_without_guidance(speech: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    forward = speech.diffusion.estimator.forward

    def counting(x: torch.Tensor, *rest: object) -> torch.Tensor:
        rows.append(len(x))
        return forward(x, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(speech.diffusion.estimator, "forward", counting)
    guided = random_segment(speech.config, 0, guidance=0.7)
    free = random_segment(speech.config, 1, guidance=0.0)
    speech.diffusion.step(speech.diffusion.begin([free]))
    speech.diffusion.step(speech.diffusion.begin([guided]))
    speech.diffusion.step(speech.diffusion.begin([guided, free]))
    assert rows == [free.length, 2 * guided.length, 2 * guided.length + free.length]


def test_seedvc_noise_comes_from_the_seed_alone(tiny: Tiny) -> None:
    segment = random_segment(tiny.config, 5)
    same = alone(tiny.diffusion, segment).mel
    torch.manual_seed(123)
    np.testing.assert_array_equal(alone(tiny.diffusion, segment).mel, same)
    other = alone(tiny.diffusion, replace(segment, seed=6)).mel
    assert np.abs(other - same).max() > 0.1


@pytest.mark.usefixtures("either_way")
def test_seedvc_vocoder_of_mixed_lengths(tiny: Tiny) -> None:
    noise = np.random.default_rng(0)
    acoustics = [
        MelAcoustic(i, 0, frames, noise.standard_normal((tiny.config.mel.bands, frames), "float32"))
        for i, frames in enumerate((7, 19, 7, 1))
    ]
    together = tiny.vocoder.synthesize(acoustics)
    for acoustic, wave in zip(acoustics, together, strict=True):
        assert len(wave) == acoustic.length * tiny.config.mel.hop
        np.testing.assert_allclose(wave, tiny.vocoder.synthesize([acoustic])[0], atol=1e-5)


def test_seedvc_frontend_of_mixed_lengths(tiny: Tiny) -> None:
    voice = golden_audio("target")
    requests = [
        ConversionRequest(buzz(1.0), voice, seed=1),
        ConversionRequest(buzz(0.4, 44100), buzz(2.0), seed=2, length_adjust=1.3),
        ConversionRequest(golden_audio("source"), voice, seed=3),
    ]
    together = tiny.frontend.prepare(requests)
    for request, segments in zip(requests, together, strict=True):
        (by_itself,) = tiny.frontend.prepare([request])
        assert len(segments) == len(by_itself)
        for one, other in zip(segments, by_itself, strict=True):
            assert (one.index, one.seed, one.length) == (other.index, other.seed, other.length)
            np.testing.assert_allclose(one.content, other.content, atol=TOLERANCE)
            np.testing.assert_allclose(one.prompt, other.prompt, atol=TOLERANCE)
            np.testing.assert_allclose(one.style, other.style, atol=TOLERANCE)
