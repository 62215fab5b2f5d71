"""Models that sample styles, as the service runs them: in batches that change at every step."""

from __future__ import annotations

import gc
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipelines.audio.edges import WHOLE
from pipelines.models.styletts2.segments import following
from pipelines.protocol import InvalidInput
from pipelines.requests.speech import Sampling, StyledRequest
from tests.pipelines.models.styletts2.conftest import Published, published

TEXTS = [
    "She said that we are late, but nobody moved.",
    "Hi.",
    "The boats came home at dawn.",
    "Why?",
    "Nobody had slept; the kettle was on.",
]
SAMPLINGS = [
    Sampling(noise_levels=5, scale=1.0),
    Sampling(noise_levels=3, scale=2.0),
    Sampling(noise_levels=8, scale=1.5, alpha=0.0),
    Sampling(noise_levels=2, scale=0.0, beta=1.0),
    Sampling(noise_levels=5, scale=1.0),
]


@pytest.fixture(scope="module")
def segments(model: Published) -> list[Any]:
    return model.segments(
        [
            model.request(text, sampling, voice=i, seed=i, speed=1.5)
            for i, (text, sampling) in enumerate(zip(TEXTS, SAMPLINGS, strict=True))
        ]
    )


@pytest.fixture(scope="module")
def alone(model: Published, segments: list[Any]) -> list[Any]:
    return [model.acoustics([segment])[0] for segment in segments]


def assert_same(batched: list[Any], single: list[Any]) -> None:
    for one, other in zip(batched, single, strict=True):
        assert one.length == other.length
        np.testing.assert_allclose(one.style, other.style, atol=2e-5)
        np.testing.assert_allclose(one.asr, other.asr, atol=2e-5)
        np.testing.assert_allclose(one.f0, other.f0, rtol=1e-4, atol=1e-2)
        np.testing.assert_allclose(one.energy, other.energy, rtol=1e-4, atol=1e-4)


def test_published_text_becomes_sound(model: Published) -> None:
    text = "The boats came home at dawn. " * 6
    segments: list[Any] = model.frontend.prepare([model.request(text, seed=3)])[0]
    assert [segment.index for segment in segments] == list(range(len(segments)))
    assert len(segments) == 2
    acoustics = [replace(each, edges=WHOLE) for each in model.acoustics(segments)]
    cut = model.checkpoint.config.cut
    for acoustic, wave in zip(acoustics, model.vocoder.synthesize(acoustics), strict=True):
        assert wave.dtype == np.float32
        assert len(wave) == 600 * acoustic.length - cut
        assert np.isfinite(wave).all()
        assert 0.01 < wave.std() < 1
        assert np.abs(wave).max() <= 1


def test_published_batch_equals_each_alone(
    model: Published, segments: list[Any], alone: list[Any]
) -> None:
    assert len({segment.length for segment in segments}) >= 4
    assert_same(model.acoustics(segments), alone)


def test_published_joining_late_and_leaving_early(
    model: Published, segments: list[Any], alone: list[Any]
) -> None:
    waiting = list(enumerate(segments))
    running: list[tuple[int, Any]] = []
    finished: dict[int, Any] = {}
    while waiting or running:
        if waiting:
            number, segment = waiting.pop()
            running += [(number, state) for state in model.diffusion.begin([segment])]
        model.diffusion.step([state for _, state in running])
        done = [entry for entry in running if not entry[1].steps_left]
        running = [entry for entry in running if entry[1].steps_left]
        for number, state in done:
            [finished[number]] = model.diffusion.finish([state])
    assert_same([finished[number] for number in range(len(segments))], alone)


def test_published_waveforms_of_a_batch_equal_those_alone(
    model: Published, alone: list[Any]
) -> None:
    together = model.vocoder.synthesize(alone, noise=False)
    for wave, acoustic in zip(together, alone, strict=True):
        [single] = model.vocoder.synthesize([acoustic], noise=False)
        assert wave.shape == single.shape
        # Phases of nearly empty bins jump by 2π on rounding: these models have many.
        assert snr(single, wave) > 20


def test_published_same_seed_same_audio_whatever_the_batch(
    model: Published, segments: list[Any]
) -> None:
    first, other = (
        model.vocoder.synthesize(model.acoustics([replace(segments[1], seed=seed)]))[0]
        for seed in (7, 8)
    )
    again = model.vocoder.synthesize(model.acoustics([segments[0], replace(segments[1], seed=7)]))
    # Phases of nearly empty bins jump by 2π on rounding: these models have many.
    assert snr(first, again[1]) > 20
    assert first.shape != other.shape or snr(first, other) < 10


def test_published_passes_without_guidance_have_one_row(
    model: Published, segments: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = []
    denoiser = model.diffusion.model.denoiser
    handle = denoiser.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    model.diffusion.step(model.diffusion.begin([segments[0], segments[4]]))
    model.diffusion.step(model.diffusion.begin(segments))
    handle.remove()
    # Three of the five have guidance; a step is two passes.
    assert rows == [2, 2, 8, 8]


def test_published_states_without_steps_left_are_not_stepped(
    model: Published, segments: list[Any]
) -> None:
    states = model.denoised(segments[:2])
    with pytest.raises(ValueError, match="no steps left"):
        model.diffusion.step(states)


def test_published_no_gradients_are_kept(model: Published, segments: list[Any]) -> None:
    [state] = model.denoised(segments[:1])
    assert not state.x.requires_grad
    for module in (model.diffusion.model, model.vocoder.model):
        assert not any(parameter.requires_grad for parameter in module.parameters())


def test_published_long_form_continues_the_style(model: Published) -> None:
    request = model.request("One boat came home. Then another.", Sampling(long_form=True))
    first, second = model.frontend.prepare([request])[0]
    before: Any = model.acoustics([first])[0]
    fresh: Any = model.acoustics([second])[0]
    continued: Any = model.acoustics([following(second, before)])[0]
    config = model.checkpoint.config
    assert before.cut == config.cut_long_form
    assert before.carried.shape == (2 * config.style,)
    distance = [np.abs(one.carried - before.carried).mean() for one in (continued, fresh)]
    if config.multispeaker:
        assert distance[0] < distance[1]
    else:
        assert distance[0] == pytest.approx(0.3 * distance[1], rel=1e-3)


def test_published_single_utterance_ends_in_a_pause(cache: Path) -> None:
    model = published("ljspeech", cache)
    lengths = []
    for long_form in (False, True):
        [segment] = model.segments([model.request("Hello.", Sampling(long_form=long_form))])
        lengths.append(model.acoustics([segment])[0].length)
    assert lengths[0] == lengths[1] + 5


def test_published_reference_gives_the_voice_its_share(many_voices: Published) -> None:
    def style(voice: int, sampling: Sampling) -> np.ndarray:
        [segment] = many_voices.segments([many_voices.request("Hello.", sampling, voice)])
        segment = replace(segment, sampling=replace(sampling, long_form=True))
        acoustic: Any = many_voices.acoustics([segment])[0]
        reference: np.ndarray = segment.style
        return np.stack([acoustic.carried, reference])

    spoken, reference = style(0, Sampling(alpha=0.0, beta=0.0))
    np.testing.assert_allclose(spoken, reference, atol=1e-6)
    half = many_voices.checkpoint.config.style
    spoken, reference = style(0, Sampling(alpha=0.0, beta=1.0))
    np.testing.assert_allclose(spoken[:half], reference[:half], atol=1e-6)
    assert np.abs(spoken[half:] - reference[half:]).max() > 0.01


def test_published_bfloat16_stays_close_to_float32(cache: Path, many_voices: Published) -> None:
    [segment] = many_voices.segments([many_voices.request(TEXTS[0], Sampling(scale=2.0))])
    lower = published("libritts", cache, "bfloat16")
    styles = [model.denoised([segment])[0].x for model in (many_voices, lower)]
    assert styles[1].dtype is torch.float32
    assert 0 < float((styles[0] - styles[1]).abs().max()) < 0.05
    [acoustic] = many_voices.acoustics([segment])
    exact, rounded = (
        model.vocoder.synthesize([acoustic], noise=False)[0] for model in (many_voices, lower)
    )
    assert 15 < snr(exact, rounded) < 80


@pytest.mark.parametrize(
    ("field", "sampling"),
    [
        ("noise_levels", Sampling(noise_levels=1)),
        ("noise_levels", Sampling(noise_levels=1000)),
        ("scale", Sampling(scale=float("nan"))),
        ("alpha", Sampling(alpha=1.5)),
        ("beta", Sampling(beta=-0.1)),
    ],
)
def test_published_samplings_out_of_range_are_refused(
    many_voices: Published, field: str, sampling: Sampling
) -> None:
    with pytest.raises(InvalidInput) as refused:
        many_voices.frontend.prepare([many_voices.request("Hello.", sampling)])
    assert refused.value.field == field


def test_published_model_of_many_speakers_needs_a_reference(many_voices: Published) -> None:
    with pytest.raises(InvalidInput) as refused:
        many_voices.frontend.prepare([StyledRequest("Hello.")])
    assert refused.value.code == "reference_missing"


def test_published_nothing_is_left_behind_by_many_runs(cache: Path) -> None:
    model = published("ljspeech", cache)
    segments = model.segments([model.request("Hi.", Sampling(noise_levels=2, scale=2.0))])

    def run() -> None:
        model.vocoder.synthesize(model.acoustics(segments))

    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())

    for _ in range(10):
        run()
    before, peak = tensors(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(40):
        run()
    assert tensors() == before
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 5_000, "kilobytes"


def snr(reference: np.ndarray, other: np.ndarray) -> float:
    """Decibels."""
    error = np.sum((reference - other) ** 2)
    return float(10 * np.log10(np.sum(reference**2) / max(error, 1e-20)))
