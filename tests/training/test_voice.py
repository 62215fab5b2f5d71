"""The training of the converter's head, from sentences to weights, on seconds of speech."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.models.revoice.checkpoint import load_head
from pipelines.models.revoice.head import ContentHead, HeadConfig
from pipelines.registry import fetch
from pipelines.runtime.lengths import Lengths
from pipelines.settings import PipelineSettings
from training.voice_corpus import RATE, Speaker, read_shard, utterances, write_shard
from training.voice_features import Ears, disturbed, windows, write
from training.voice_texts import Lexicon, texts
from training.voice_train import Examples, fit_features, train

WORDNET = {
    "noun": '00001740 03 n 01 lantern 0 000 | a portable lamp; "the lantern swung in the wind"',
    "verb": '00001740 29 v 01 sigh 0 000 | heave a sigh; "She sighed sadly over the old letter"',
    "adj": '00001740 00 a 01 able 0 000 | having the means; "able to swim across the lake"',
    "adv": '00001740 02 r 01 gladly 0 000 | with pleasure; "they gladly came along again"',
}
SMALL = HeadConfig(width=16, blocks=1, kernel=3)


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    folder = tmp_path_factory.mktemp("wordnet")
    for part, entry in WORDNET.items():
        (folder / f"data.{part}").write_text(f"  1 a line of the licence\n{entry}  \n")
    return Lexicon.read(folder)


def test_voice_training_sentences_come_from_examples_definitions_and_words(
    lexicon: Lexicon,
) -> None:
    assert lexicon.words == ("lantern", "sigh", "able", "gladly")
    assert "the lantern swung in the wind" in lexicon.examples
    assert "a portable lamp" in lexicon.definitions
    some = list(islice(texts(lexicon, np.random.default_rng(0)), 200))
    assert len(set(some)) > 100
    assert some == list(islice(texts(lexicon, np.random.default_rng(0)), 200))
    assert all(text[0].isupper() and "{" not in text for text in some)


def test_voice_training_head_is_trained_and_goes_on_where_it_was_stopped(
    lexicon: Lexicon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = PipelineSettings()
    fetch("revoice", settings)
    speaker, ears = Speaker(settings), Ears(settings)
    features, run = tmp_path / "features", tmp_path / "revoice"
    features.mkdir()
    for shard in (0, 1):  # the first is for the validation
        path = tmp_path / f"{shard:04}.npz"
        seconds = write_shard(path, islice(utterances(lexicon, settings, speaker, shard), 2))
        spoken = read_shard(path)
        assert sum(len(one.audio) for one in spoken) == pytest.approx(seconds * RATE)
        for one in spoken:
            assert abs(one.counts.sum() * 0.025 - len(one.audio) / RATE) < 0.01
        write(features / f"{path.stem}-0.npz", spoken, ears, (shard, 0))
    # Every frame says which token it belongs to; the shortest ones may fall between frames.
    heard = list(windows(spoken, np.random.default_rng(5)))
    tokens = np.concatenate([window.tokens for window in heard])
    count = sum(len(one.tokens) for one in spoken)
    assert set(tokens) <= set(range(count))
    assert len(set(tokens)) > 0.9 * count
    noisy = disturbed(heard[0].wave, np.random.default_rng(2))
    assert np.abs(noisy).max() <= 1

    train(features, run, 0.02, SMALL, threads=1, crop=40)
    first = torch.load(run / "state.pt", weights_only=True)["step"]
    train(features, run, 0.02, SMALL, threads=1, crop=40)
    assert torch.load(run / "state.pt", weights_only=True)["step"] > first > 0
    assert "held out" in capsys.readouterr().out
    assert load_head(PipelineSettings(checkpoints=tmp_path)).config == SMALL


@pytest.mark.parametrize("seed", [0, 1])
def test_voice_training_fit_finds_what_is_linear(seed: int) -> None:
    torch.manual_seed(seed)
    frames = 1200
    heard = torch.randn(frames, SMALL.heard)
    examples = Examples(
        heard=heard,
        levels=torch.randn(frames, 2),
        tokens=torch.arange(frames),
        energy=torch.zeros(frames, 2),
        spoken=0.1 * heard @ torch.randn(SMALL.heard, SMALL.spoken),
        symbols=torch.zeros(frames, dtype=torch.long),
        spans=np.array([[0, frames]]),
    )
    model = ContentHead(SMALL)
    batch = examples.batch(examples.starts())
    fit_features(model, examples)
    with torch.no_grad():
        made = model(batch.heard, batch.levels, Lengths.of([200] * 6))
    left = (made.asr.mT - batch.spoken).square().mean() / batch.spoken.square().mean()
    assert left < 0.05
