"""Any text becomes 77 ids, and each text is encoded as if it were alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.models.makeanaudio.checkpoint import MakeAnAudioFiles
from pipelines.models.makeanaudio.description_encoder import TOKENS, Tokenizer
from pipelines.models.makeanaudio.stages import MakeAnAudioFrontend


@pytest.fixture(scope="module")
def tokenizer(files: MakeAnAudioFiles) -> Tokenizer:
    return Tokenizer(files.vocabulary)


@pytest.fixture(scope="module")
def vocabulary(files: MakeAnAudioFiles) -> list[str]:
    return files.vocabulary.read_text().splitlines()


def words(tokenizer: Tokenizer, vocabulary: list[str], text: str) -> list[str]:
    pieces = [vocabulary[index] for index in tokenizer([text])[0].tolist()]
    return [piece for piece in pieces if piece != "[PAD]"]


def test_description_encoder_special_tokens_and_padding(
    tokenizer: Tokenizer, vocabulary: list[str]
) -> None:
    assert words(tokenizer, vocabulary, "") == ["[CLS]", "[SEP]"]
    assert words(tokenizer, vocabulary, "Café  Rain!") == ["[CLS]", "cafe", "rain", "!", "[SEP]"]
    assert words(tokenizer, vocabulary, "rain " * 100) == ["[CLS]", *["rain"] * 75, "[SEP]"]
    assert words(tokenizer, vocabulary, "rain " * 75) == ["[CLS]", *["rain"] * 75, "[SEP]"]


@pytest.mark.parametrize("text", ["🎵", "x" * 101, "\u0e01\u0e02"])
def test_description_encoder_what_has_no_pieces_is_one_unknown_word(
    tokenizer: Tokenizer, vocabulary: list[str], text: str
) -> None:
    assert words(tokenizer, vocabulary, text) == ["[CLS]", "[UNK]", "[SEP]"]


def test_description_encoder_each_cjk_character_is_a_word(
    tokenizer: Tokenizer, vocabulary: list[str]
) -> None:
    assert len(words(tokenizer, vocabulary, "雨雨雨")) == 5


@settings(deadline=None)
@given(st.lists(st.text(st.characters(), max_size=200), min_size=1, max_size=3))
def test_description_encoder_every_text_has_77_ids(
    tokenizer: Tokenizer, vocabulary: list[str], texts: list[str]
) -> None:
    ids = tokenizer(texts)
    assert ids.shape == (len(texts), TOKENS)
    for row in ids.tolist():
        pieces = [vocabulary[index] for index in row]
        assert pieces[0] == "[CLS]"
        assert "[SEP]" in pieces


def test_description_encoder_batch_equals_alone(frontend: MakeAnAudioFrontend) -> None:
    texts = ["", "rain", "A dog barks twice, then rain starts falling.", "x " * 200]
    together = frontend.encode(texts)
    for text, vectors in zip(texts, together, strict=True):
        np.testing.assert_allclose(vectors, frontend.encode([text])[0], rtol=0, atol=2e-6)


def test_description_encoder_texts_differ_in_their_vectors(frontend: MakeAnAudioFrontend) -> None:
    rain, dog = torch.from_numpy(np.stack(frontend.encode(["rain", "dog"])))
    assert (rain - dog).abs().mean() > 0.01
