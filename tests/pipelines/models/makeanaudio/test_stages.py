"""The three stages as the service runs them: in batches that change at every step."""

from __future__ import annotations

import gc
import resource
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from parity.sizes.makeanaudio import VOCODER
from pipelines.models.makeanaudio.checkpoint import MakeAnAudioFiles
from pipelines.models.makeanaudio.segments import SoundAcoustic
from pipelines.models.makeanaudio.stages import (
    MakeAnAudioDiffusion,
    MakeAnAudioFrontend,
    MakeAnAudioVocoder,
)
from pipelines.networks.vocoders.bigvgan import BigVGAN
from pipelines.protocol import InvalidInput
from pipelines.requests.sound import SoundRequest
from pipelines.settings import PipelineSettings

REQUESTS = [
    SoundRequest("rain", seconds=1.0, steps=4, guidance=3.0, seed=1),
    SoundRequest("A dog barks twice.", seconds=0.5, steps=2, guidance=3.0, seed=2),
    SoundRequest("thunder", seconds=1.0, steps=5, guidance=1.0, seed=3),
    SoundRequest("wind", seconds=1.5, steps=1, guidance=7.5, seed=4),
    SoundRequest("rain", seconds=1.0, steps=4, guidance=0.0, seed=5),
]

NARROW = replace(VOCODER, channels=64, block_kernels=(3,), block_dilations=((1,),))
"""A vocoder that takes little time."""


def segments(frontend: MakeAnAudioFrontend, requests: list[SoundRequest]) -> list[Any]:
    return [segment for (segment,) in frontend.prepare(requests)]


def denoise(diffusion: MakeAnAudioDiffusion, states: list[Any]) -> list[Any]:
    while running := [state for state in states if state.steps_left]:
        diffusion.step(running)
    return states


def mels(diffusion: MakeAnAudioDiffusion, segments: list[Any]) -> list[np.ndarray]:
    states: list[Any] = list(diffusion.begin(segments))
    finished: list[Any] = list(diffusion.finish(denoise(diffusion, states)))
    return [acoustic.mel for acoustic in finished]


@pytest.fixture(scope="module")
def alone(frontend: MakeAnAudioFrontend, diffusion: MakeAnAudioDiffusion) -> list[np.ndarray]:
    return [mels(diffusion, segments(frontend, [request]))[0] for request in REQUESTS]


def same(one: np.ndarray, other: np.ndarray) -> bool:
    # Coarse steps carry rounding far: other batch sizes mean other orders of summation.
    return one.shape == other.shape and bool(np.abs(one - other).max() < 5e-3 * other.std())


def test_makeanaudio_frontend_batch_equals_alone(frontend: MakeAnAudioFrontend) -> None:
    for request, segment in zip(REQUESTS, segments(frontend, REQUESTS), strict=True):
        (single,) = segments(frontend, [request])
        np.testing.assert_allclose(segment.text, single.text, rtol=0, atol=2e-6)
        assert (segment.no_text is None) == (request.guidance == 1.0)
        assert (segment.seed, segment.steps, segment.length) == (
            single.seed,
            single.steps,
            single.length,
        )


def test_makeanaudio_diffusion_batch_equals_alone(
    frontend: MakeAnAudioFrontend, diffusion: MakeAnAudioDiffusion, alone: list[np.ndarray]
) -> None:
    together = mels(diffusion, segments(frontend, REQUESTS))
    assert all(map(same, together, alone))


def test_makeanaudio_joining_late_and_leaving_early(
    frontend: MakeAnAudioFrontend, diffusion: MakeAnAudioDiffusion, alone: list[np.ndarray]
) -> None:
    waiting: list[Any] = list(diffusion.begin(segments(frontend, REQUESTS)))
    order = list(waiting)
    running: list[Any] = []
    while waiting or running:
        if waiting:
            running.insert(0, waiting.pop())
        diffusion.step(running)
        running = [state for state in running if state.steps_left]
    finished: list[Any] = list(diffusion.finish(order))
    assert all(same(acoustic.mel, mel) for acoustic, mel in zip(finished, alone, strict=True))


def test_makeanaudio_cancelled_member_leaves_no_trace(
    frontend: MakeAnAudioFrontend, diffusion: MakeAnAudioDiffusion, alone: list[np.ndarray]
) -> None:
    states: list[Any] = list(diffusion.begin(segments(frontend, REQUESTS)))
    diffusion.step(states)
    kept = [states[0], states[2]]
    finished: list[Any] = list(diffusion.finish(denoise(diffusion, kept)))
    assert same(finished[0].mel, alone[0])
    assert same(finished[1].mel, alone[2])


def test_makeanaudio_only_guidance_costs_a_second_row(
    frontend: MakeAnAudioFrontend, diffusion: MakeAnAudioDiffusion
) -> None:
    rows: list[int] = []
    hook = diffusion._unet.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    states: list[Any] = list(diffusion.begin(segments(frontend, REQUESTS)))
    diffusion.step(states)
    hook.remove()
    # One second: two guided members and one without; half a second; one and a half.
    assert rows == [5, 2, 2]


def test_makeanaudio_seed_alone_decides_the_noise(
    frontend: MakeAnAudioFrontend, diffusion: MakeAnAudioDiffusion
) -> None:
    request = REQUESTS[0]
    first, again, other = diffusion.begin(
        segments(frontend, [request, request, replace(request, seed=99)])
    )
    state: Any = first
    assert torch.equal(state.latent, again.latent)  # type: ignore[attr-defined]
    assert not torch.equal(state.latent, other.latent)  # type: ignore[attr-defined]
    expected = torch.randn(1, 4, 10, 8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(state.latent, expected[0])


def test_makeanaudio_vocoder_batch_equals_alone(
    vocoder: MakeAnAudioVocoder,
    diffusion: MakeAnAudioDiffusion,
    frontend: MakeAnAudioFrontend,
) -> None:
    states: list[Any] = list(diffusion.begin(segments(frontend, REQUESTS)))
    acoustics: list[Any] = list(diffusion.finish(states))
    together = vocoder.synthesize(acoustics)
    for acoustic, wave in zip(acoustics, together, strict=True):
        assert wave.dtype == np.float32
        assert wave.shape == (256 * acoustic.length,)
        assert np.array_equal(vocoder.synthesize([acoustic])[0], wave)


def test_makeanaudio_short_sound_gets_silence_at_both_ends(vocoder: MakeAnAudioVocoder) -> None:
    wave = vocoder.synthesize([_acoustic(frames=4, missing=100)])[0]
    assert len(wave) == 4 * 256 + 200
    assert not wave[:100].any()
    assert not wave[-100:].any()
    assert wave[100:-100].any()


def _acoustic(frames: int, missing: int) -> SoundAcoustic:
    mel = np.random.default_rng(0).normal(-2, 1, (80, frames)).astype(np.float32)
    return SoundAcoustic(index=0, seed=0, length=frames, mel=mel, missing=missing)


def test_makeanaudio_invalid_requests_are_refused_before_any_is_encoded(
    frontend: MakeAnAudioFrontend,
) -> None:
    with pytest.raises(InvalidInput, match="seconds"):
        frontend.prepare([REQUESTS[0], replace(REQUESTS[0], seconds=0)])
    assert frontend.prepare([]) == []


@pytest.mark.parametrize("prompt", ["", "雨", "🎵🎶", "É" * 300, "word " * 500, "\ud800", "\x00"])
def test_makeanaudio_every_prompt_gives_a_sound(
    prompt: str,
    frontend: MakeAnAudioFrontend,
    diffusion: MakeAnAudioDiffusion,
    vocoder: MakeAnAudioVocoder,
) -> None:
    request = SoundRequest(prompt, seconds=0.5, steps=1)
    states: list[Any] = list(diffusion.begin(segments(frontend, [request])))
    wave = vocoder.synthesize(list(diffusion.finish(denoise(diffusion, states))))[0]
    assert np.isfinite(wave).all()
    assert wave.any()


def test_makeanaudio_bfloat16_stays_close(
    files: MakeAnAudioFiles, settings: PipelineSettings, frontend: MakeAnAudioFrontend
) -> None:
    lower = replace(settings, dtype="bfloat16")
    exact, rough = (
        mels(MakeAnAudioDiffusion(files, chosen), segments(frontend, REQUESTS[:3]))
        for chosen in (settings, lower)
    )
    for mel, other in zip(exact, rough, strict=True):
        assert mel.dtype == other.dtype == np.float32
        assert 0 < np.abs(mel - other).mean() < 0.5 * mel.std()


def test_makeanaudio_no_memory_grows_and_no_gradient_is_kept(
    frontend: MakeAnAudioFrontend,
    diffusion: MakeAnAudioDiffusion,
    vocoder: MakeAnAudioVocoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = SoundRequest("rain", seconds=0.5, steps=1, guidance=1.0)
    monkeypatch.setattr(vocoder, "_model", BigVGAN(NARROW).eval())

    def run() -> None:
        states: list[Any] = list(diffusion.begin(segments(frontend, [request])))
        acoustics: list[Any] = list(diffusion.finish(denoise(diffusion, states)))
        assert not states[0].latent.requires_grad
        vocoder.synthesize(acoustics)

    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(item), torch.Tensor) for item in gc.get_objects())

    for _ in range(10):
        run()
    before, peak = tensors(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(40):
        run()
    assert tensors() == before
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 5_000, "kilobytes"
