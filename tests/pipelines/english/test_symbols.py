import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.english.symbols import IDS, MARKS, PAUSES, encode, has_sound

PUBLISHED = Path(__file__).parents[2] / "goldens" / "kokoro" / "symbols.json"


def test_table_is_the_published_one():
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == IDS
    assert len(IDS) == 114


def test_pauses_and_marks_are_symbols():
    assert IDS.keys() >= PAUSES | MARKS
    assert not PAUSES & MARKS


def test_encode_gives_one_id_for_each_known_symbol():
    assert encode("həlˈoʊ!") == [50, 83, 54, 156, 57, 135, 5]


def test_encode_drops_what_is_not_in_the_table():
    assert encode("a1g_a\n") == [43, 43]


@given(st.text(st.sampled_from(sorted(IDS))))
def test_encode_loses_no_symbol(phonemes: str):
    symbols = {i: symbol for symbol, i in IDS.items()}
    assert "".join(symbols[i] for i in encode(phonemes)) == phonemes


@pytest.mark.parametrize("phonemes", ["", " ", "?!…", "ˈˌ", "123", "— “”"])
def test_silence_has_no_sound(phonemes: str):
    assert not has_sound(phonemes)


@pytest.mark.parametrize("phonemes", ["a", "?ə", "ˈʔ"])
def test_sounds_are_heard(phonemes: str):
    assert has_sound(phonemes)
