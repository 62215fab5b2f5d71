from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.models.styletts2.published.symbols import IDS, SYMBOLS, encode
from pipelines.models.styletts2.published.text import PublishedScript, sentences, set_apart, split
from pipelines.protocol import InvalidInput
from tests.pipelines.models.styletts2.conftest import GOLDENS

CASES: dict[str, Any] = json.loads(
    gzip.decompress((GOLDENS / "frontend_cases.json.gz").read_bytes())
)


def test_published_script_symbol_table() -> None:
    assert (GOLDENS / "symbols.txt").read_text() == SYMBOLS
    assert IDS["'"] == 176


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["text"][:20])
def test_published_script_recorded_phonemes_become_recorded_tokens(case: dict[str, Any]) -> None:
    words = set_apart(case["phonemizer_output"])
    assert words == case["after_word_tokenize"]
    assert [0, *encode(words)] == case["tokens"]
    if "longform_tokens" in case:
        script = PublishedScript(drops_quotes=False, long_form=True)
        assert [0, *encode(script.spaced(case["phonemizer_output"]))] == case["longform_tokens"]


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["text"][:20])
def test_published_script_recorded_texts_become_recorded_tokens(case: dict[str, Any]) -> None:
    script = PublishedScript(drops_quotes=case["mode"] == "ljspeech")
    [chunk] = script.analyse(case["text"], "en-us", 125)
    assert list(chunk.tokens) == case["tokens"]


@pytest.mark.parametrize("case", CASES["wrapper_chunker_max_125"])
def test_published_script_recorded_cuts(case: dict[str, Any]) -> None:
    assert split(case["text"], 125) == case["chunks"]


@given(st.text(max_size=400), st.integers(1, 130))
def test_published_script_chunks_fit_and_hold_the_text(text: str, limit: int) -> None:
    chunks = split(text, limit)
    assert all(1 <= len(chunk) <= limit for chunk in chunks)
    assert re.sub(r"\s", "", "".join(chunks)) == re.sub(r"\s", "", text)


def test_published_script_long_text_is_cut_at_every_period() -> None:
    assert sentences("One, two. Three! Four.. ") == ["One, two.", "Three! Four."]


@pytest.mark.parametrize("text", ["", "  \n", "?!…", "()", '"', "\x07"])
@pytest.mark.parametrize("long_form", [False, True])
def test_published_script_text_without_sound_is_refused(text: str, long_form: bool) -> None:
    with pytest.raises(InvalidInput) as refused:
        PublishedScript(drops_quotes=True, long_form=long_form).analyse(text, "en-us", 125)
    assert (refused.value.field, refused.value.code) == ("text", "nothing_to_say")


@pytest.mark.parametrize("text", ["9" * 125, "W" * 125, "8,9." * 40, "é漢字🎉 word"])
@pytest.mark.parametrize("long_form", [False, True])
def test_published_script_no_chunk_is_longer_than_the_model_takes(
    text: str, long_form: bool
) -> None:
    chunks = PublishedScript(drops_quotes=False, long_form=long_form).analyse(text, "en-us", 125)
    assert all(2 <= len(chunk.tokens) <= 512 for chunk in chunks)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
@settings(max_examples=60, deadline=None)
def test_published_script_any_text_is_read_or_refused(text: str) -> None:
    script = PublishedScript(drops_quotes=False)
    try:
        chunks = script.analyse(text, "en-us", 125)
    except InvalidInput:
        chunks = []
    assert all(chunk.tokens[0] == 0 and len(chunk.tokens) > 1 for chunk in chunks)
    assert chunks or not re.search(r"(?<!\w)[a-z](?!\w)", text)
