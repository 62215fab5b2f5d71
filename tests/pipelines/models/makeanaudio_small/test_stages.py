"""The small model as the service runs it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipelines import registry
from pipelines.models.foley.synthesis.sound import DISTANCE, PITCH, SPACE
from pipelines.models.makeanaudio_small.checkpoint import FOLDER, NAME
from pipelines.models.makeanaudio_small.conditions import KINDS, TRAITS, condition
from pipelines.models.makeanaudio_small.config import read_small_config
from pipelines.models.makeanaudio_small.prior import RATES, ColumnPrior
from pipelines.models.makeanaudio_small.rows import columns_of
from pipelines.models.makeanaudio_small.stages import NAMED_TRAIT, NEAR, SmallFrontend
from pipelines.protocol import InvalidInput, Waveform
from pipelines.requests.sound import SoundRequest
from pipelines.settings import PipelineSettings
from pipelines.weights.torch_files import CheckpointError

SETTINGS = PipelineSettings()
NAMES = ("make-an-audio", NAME)
REQUESTS = [
    SoundRequest("rain", seconds=1.0, steps=4, seed=1),
    SoundRequest("A dog barks far away.", seconds=1.0, steps=2, seed=2),
    SoundRequest("a deep gong", seconds=2.5, steps=4, guidance=1.0, seed=3),
]


@pytest.fixture(scope="module")
def stages() -> tuple[Any, Any, Any]:
    registry.fetch(NAME, SETTINGS)
    return (
        registry.load_frontend(*NAMES, SETTINGS),
        registry.load_diffusion(*NAMES, SETTINGS),
        registry.load_vocoder(*NAMES, SETTINGS),
    )


def made(stages: tuple[Any, Any, Any], *requests: SoundRequest) -> list[Waveform]:
    frontend, diffusion, vocoder = stages
    states = diffusion.begin([segment for [segment] in frontend.prepare(requests)])
    while running := [state for state in states if state.steps_left]:
        diffusion.step(running)
    waves: list[Waveform] = vocoder.synthesize(diffusion.finish(states))
    return waves


def test_small_model_batch_equals_its_members_alone(stages: tuple[Any, Any, Any]) -> None:
    frontend, diffusion, _ = stages

    def mels(*requests: SoundRequest) -> list[np.ndarray]:
        states = diffusion.begin([segment for [segment] in frontend.prepare(requests)])
        while running := [state for state in states if state.steps_left]:
            diffusion.step(running)
        return [acoustic.mel for acoustic in diffusion.finish(states)]

    for request, together in zip(REQUESTS, mels(*REQUESTS), strict=True):
        [alone] = mels(request)
        # Products in bfloat16 are summed in another order where there are more rows.
        assert np.abs(together - alone).max() < 0.1 * alone.std()


def test_small_model_sound_has_the_length_asked_for(stages: tuple[Any, Any, Any]) -> None:
    waves = made(stages, *REQUESTS)
    assert [len(wave) for wave in waves] == [16_000, 16_000, 40_000]
    assert all(np.isfinite(wave).all() and wave.std() > 1e-3 for wave in waves)


def test_small_model_one_seed_repeats_and_another_differs(stages: tuple[Any, Any, Any]) -> None:
    first, again = (made(stages, REQUESTS[0])[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    [other] = made(stages, replace(REQUESTS[0], seed=9))
    assert np.abs(first - other).mean() > 0.5 * np.abs(first).mean()


def test_small_model_network_is_told_kind_and_traits(
    stages: tuple[SmallFrontend, Any, Any],
) -> None:
    told = stages[0].condition("a deep gong in a large hall")[0]
    expected = condition("gong", {PITCH: -NAMED_TRAIT, SPACE: NAMED_TRAIT})
    np.testing.assert_array_equal(told[: len(KINDS)], expected[: len(KINDS)])
    values, known = np.split(told[len(KINDS) :], 2)
    assert values[TRAITS.index(PITCH)] == pytest.approx(-NAMED_TRAIT)
    assert values[TRAITS.index(SPACE)] == pytest.approx(NAMED_TRAIT)
    assert known[TRAITS.index(PITCH)] == 1
    near = stages[0].condition("rain")[0]
    assert near[len(KINDS) + TRAITS.index(DISTANCE)] == pytest.approx(NEAR)


def test_small_model_prior_finds_the_mean_in_noise_and_the_sound_without() -> None:
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(20, 20, generator=generator)
    columns = torch.randn(500, RATES, 20, generator=generator) @ mixed
    traits = torch.randn(500, len(TRAITS), generator=generator)
    slope = torch.randn(len(TRAITS), 20, generator=generator)
    prior = ColumnPrior(20)
    prior.fit(KINDS.index("rain"), [(3 + columns + (traits @ slope)[:, None], traits)])
    told = torch.from_numpy(condition("rain", {DISTANCE: 0.5}))[None]
    x = torch.randn(1, 2, 10, 4, generator=generator)
    lost, kept = torch.tensor([1e-6]), torch.tensor([1 - 1e-6])
    found = -columns_of(prior(x, lost, told))
    expected = 3 + columns.mean(dim=(0, 1)) + 0.5 * slope[TRAITS.index(DISTANCE)]
    assert (found - expected).abs().max() < 0.15
    # √ᾱ x - √(1-ᾱ) v is the sound.
    sound = x - 1e-3 * prior(x, kept, told)
    torch.testing.assert_close(sound, x, rtol=0, atol=0.05)


@pytest.mark.parametrize("seconds", [0.9, 10.1])
def test_small_model_lengths_that_it_cannot_make_are_refused(seconds: float) -> None:
    with pytest.raises(InvalidInput, match="between 1 and 10 seconds"):
        registry.check(*NAMES, SoundRequest("rain", seconds), SETTINGS)


def test_small_model_steps_that_do_not_divide_the_schedule_are_refused() -> None:
    with pytest.raises(InvalidInput, match="noise schedule"):
        registry.check(*NAMES, SoundRequest("rain", steps=501), SETTINGS)


def test_small_model_model_of_other_kinds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    shutil.copy(FOLDER / "config.json", path)
    read_small_config(path)
    parts = json.loads(path.read_text())
    path.write_text(json.dumps({**parts, "kinds": parts["kinds"][:-1]}))
    with pytest.raises(CheckpointError, match="kinds of sound"):
        read_small_config(path)
