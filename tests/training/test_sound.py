"""The training scripts from the first sound to weights that the service loads, in seconds."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from pipelines import registry
from pipelines.models.foley.catalogue import SOUNDS
from pipelines.models.makeanaudio_small.checkpoint import FOLDER, NAME
from pipelines.models.makeanaudio_small.conditions import KINDS, TRAITS
from pipelines.models.makeanaudio_small.config import read_small_config
from pipelines.requests.sound import SoundRequest
from pipelines.settings import PipelineSettings
from training import sound_data, sound_diffusion, sound_export, sound_vocoder
from training.sound_batches import HELD_OUT, Sounds
from training.sound_latents import LatentEncoder, fit
from training.sound_recordings import Recordings


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    rounds = dict.fromkeys(sound_data.WIDTHS, 1)
    sound_data.make_shard(
        folder, 0, Recordings(None), rounds, kinds=("rain", "dog", "siren", "kick") * 10
    )
    fit(folder, channels=16)
    return folder


@pytest.fixture
def sounds(shards: Path) -> Sounds:
    return Sounds(shards, LatentEncoder.load(shards / "encoder.npz"), {12: 1.0}, columns=48)


def test_sound_training_shard_that_is_there_is_left_alone(shards: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in shards.iterdir()}
    sound_data.make_shard(shards, 0, Recordings(None), dict.fromkeys(sound_data.WIDTHS, 1))
    assert before == {path: path.stat().st_mtime_ns for path in shards.iterdir()}


def test_sound_training_some_sounds_are_made_of_recordings(tmp_path: Path) -> None:
    click = np.zeros(4_000)
    click[:100] = 0.5
    soundfile.write(tmp_path / "bd_click.flac", click, 16_000)
    recordings = Recordings(tmp_path)
    assert "kick" in recordings
    assert "rain" not in recordings
    sound_data.make_shard(tmp_path, 0, recordings, {12: 1}, ("kick",) * 20)
    facts = json.loads((tmp_path / "12-0000.json").read_text())
    recorded = [set(fact["traits"]) < set(SOUNDS["kick"].traits) for fact in facts]
    assert 0 < sum(recorded) < 20


def test_sound_training_latents_hold_most_of_a_mel_spectrogram(shards: Path) -> None:
    encoder = LatentEncoder.load(shards / "encoder.npz")
    mel = torch.from_numpy(np.load(shards / "24-0000.mel.npy")).float()
    latents = encoder.encode(mel)
    assert latents.shape == (len(mel), 16, 10, 24)
    error = (encoder.decoder()(latents) - mel).square().mean() / mel.var()
    assert error < 0.02
    again = encoder.encode(encoder.decoder()(latents))
    torch.testing.assert_close(again, latents, rtol=0, atol=1e-3)


def test_sound_training_batch_tells_the_kind_always_and_traits_sometimes(sounds: Sounds) -> None:
    rng = np.random.default_rng(0)
    told = torch.cat([sounds.draw(rng).conditions[:, 0] for _ in range(24)])
    kinds, _, known = told.split([len(KINDS), len(TRAITS), len(TRAITS)], dim=1)
    assert (kinds.sum(dim=1) == 1).all()
    assert 0 < known.mean() < 1
    assert all(len(batch.latents) == HELD_OUT for batch in sounds.held_out())


def test_sound_training_learning_lowers_the_loss(sounds: Sounds, tmp_path: Path) -> None:
    training = sound_diffusion.Training(read_small_config(FOLDER / "config.json"), tmp_path)
    rng = np.random.default_rng(0)
    losses = [training.learn(sounds.draw(rng), 1e-3) for _ in range(24)]
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])


def test_sound_training_rate_falls_in_the_last_third() -> None:
    shares = [sound_diffusion.falling(done) for done in (0, 0.6, 5 / 6, 1)]
    assert shares == pytest.approx([1, 1, 0.5, 0])


def test_sound_training_goes_on_where_it_stopped_and_its_weights_are_served(
    shards: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    first = sound_diffusion.train(shards, run, minutes=0.001, columns=48)
    second = sound_diffusion.train(shards, run, minutes=0.001, columns=48)
    assert second.step > first.step
    assert len((run / "log.jsonl").read_text().splitlines()) == 2
    sound_vocoder.train(shards, run, minutes=0.005, batch=2, frames=64)

    settings = replace(PipelineSettings(), checkpoints=tmp_path / "checkpoints")
    shutil.copytree(FOLDER, settings.checkpoints / NAME)
    shutil.copytree(FOLDER.parent / "foley", settings.checkpoints / "foley")
    shutil.copy(FOLDER.parent / "manifest.toml", settings.checkpoints)
    settings.cache.symlink_to(registry.fetch("foley", PipelineSettings()).parent)
    sound_export.export(shards, run, run, settings.checkpoints / NAME / "model.safetensors")
    names = ("make-an-audio", NAME, settings)
    [segments] = registry.load_frontend(*names).prepare([SoundRequest("rain", 1.0, steps=4)])
    diffusion = registry.load_diffusion(*names)
    states = diffusion.begin(segments)
    for _ in range(4):
        diffusion.step(states)
    [wave] = registry.load_vocoder(*names).synthesize(diffusion.finish(states))
    assert wave.shape == (16_000,)
    assert np.isfinite(wave).all()
