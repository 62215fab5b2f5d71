"""The training scripts from the first sound to weights that the service loads, in seconds."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pipelines import registry
from pipelines.makeanaudio.request import SoundRequest
from pipelines.makeanaudio.small.config import read_small_config
from pipelines.makeanaudio.text_encoder import Bert
from pipelines.settings import CHECKPOINTS, PipelineSettings
from pipelines.training import sound_captions, sound_data, sound_diffusion, sound_export
from pipelines.training import sound_vocoder as vocoder
from pipelines.training.sound_batches import HELD_OUT
from pipelines.training.sound_latents import LatentEncoder, fit
from pipelines.training.sound_recordings import Recordings

FOLDER = CHECKPOINTS / "small-sounds"


@pytest.fixture(scope="module")
def bert() -> Bert:
    torch.manual_seed(0)
    return Bert(read_small_config(FOLDER / "config.json").bert).eval()


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, bert: Bert) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    rounds = dict.fromkeys(sound_data.WIDTHS, 1)
    kinds = ("rain", "dog", "siren", "kick")
    sound_data.make_shard(folder, 0, Recordings(None), rounds, kinds=kinds * 11)
    sound_captions.read_captions(folder, bert)
    fit(folder, channels=16)
    return folder


def test_a_shard_that_is_there_is_left_alone(shards: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in shards.iterdir()}
    sound_data.make_shard(shards, 0, Recordings(None), dict.fromkeys(sound_data.WIDTHS, 1))
    assert before == {path: path.stat().st_mtime_ns for path in shards.iterdir()}


def test_latents_hold_most_of_a_mel_spectrogram(shards: Path) -> None:
    encoder = LatentEncoder.load(shards / "encoder.npz")
    mel = torch.from_numpy(np.load(shards / "24-0000.mel.npy")).float()
    latents = encoder.encode(mel)
    assert latents.shape == (len(mel), 16, 10, 24)
    error = (encoder.decoder()(latents) - mel).square().mean() / mel.var()
    assert error < 0.02
    again = encoder.encode(encoder.decoder()(latents))
    torch.testing.assert_close(again, latents, rtol=0, atol=1e-3)


def test_training_goes_on_where_it_stopped_and_its_weights_are_served(
    shards: Path, bert: Bert, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    first = sound_diffusion.train(shards, run, minutes=0.001, columns=48)
    assert first.step == sound_diffusion.TOGETHER
    second = sound_diffusion.train(shards, run, minutes=0.001, columns=48)
    assert second.step == 2 * sound_diffusion.TOGETHER
    assert len((run / "log.jsonl").read_text().splitlines()) == 2
    vocoder.train(shards, run, minutes=0.005, batch=2, frames=64)

    checkpoints = tmp_path / "checkpoints"
    (checkpoints / "cache").mkdir(parents=True)
    shutil.copy(CHECKPOINTS / "manifest.toml", checkpoints)
    shutil.copytree(FOLDER, checkpoints / "small-sounds")
    sound_export.export(shards, run, run, checkpoints / "small-sounds" / "model.safetensors")
    save_file(bert.state_dict(), checkpoints / "cache" / "minilm.safetensors")
    settings = replace(PipelineSettings(), checkpoints=checkpoints)
    names = ("make-an-audio", "small-sounds", settings)
    [segments] = registry.load_frontend(*names).prepare([SoundRequest("rain", 1.0, steps=4)])
    diffusion = registry.load_diffusion(*names)
    states = diffusion.begin(segments)
    for _ in range(4):
        diffusion.step(states)
    [wave] = registry.load_vocoder(*names).synthesize(diffusion.finish(states))
    assert wave.shape == (16_384,)
    assert np.isfinite(wave).all()


def test_learning_lowers_the_loss(shards: Path, tmp_path: Path) -> None:
    config = read_small_config(FOLDER / "config.json")
    sounds = sound_diffusion.Sounds(
        shards, LatentEncoder.load(shards / "encoder.npz"), {12: 1.0}, columns=48
    )
    training = sound_diffusion.Training(config, tmp_path)
    rng = np.random.default_rng(0)
    losses = [training.learn(sounds.draw(rng), sounds.empty, 1e-3) for _ in range(40)]
    assert np.mean(losses[-5:]) < 0.95 * np.mean(losses[:5])
    assert all(len(batch.latents) == HELD_OUT for batch in sounds.held_out())
