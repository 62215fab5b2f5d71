from __future__ import annotations

import pytest

from pipelines.english.marks import Words
from pipelines.english.phonemes import phonemize
from pipelines.english.word_sounds import owners_of, said_words, sound_ranges


def sounds_of(text: str, language: str = "en-us") -> dict[str, str]:
    [phonemes] = phonemize([text], language)
    said = said_words(text, Words())
    ranges = sound_ranges(said, phonemes, language)
    assert [begin for begin, _ in ranges] == sorted(begin for begin, _ in ranges)
    return {word.text: phonemes[begin:end] for word, (begin, end) in zip(said, ranges, strict=True)}


def test_each_word_has_its_group_of_symbols() -> None:
    found = sounds_of("The kettle is on, and the kitchen is warm.")
    assert found["kettle"] == "kˈɛɾəl"
    assert found["warm"] == "wˈɔːɹm"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one of the most important", {"of": "ʌv", "the": "ðə", "most": "mˈoʊst"}),
        ("GPUs are used; out of the box", {"are": "ɑːɹ", "of": "əv", "the": "ðə"}),
    ],
)
def test_words_that_are_read_as_one_are_told_apart(text: str, expected: dict[str, str]) -> None:
    found = sounds_of(text)
    assert {word: found[word] for word in expected} == expected


def test_sounds_that_are_given_are_those_of_their_word() -> None:
    words = Words()
    text = f"say {words.mark('New York', 'nˈuː jˈɔːɹk')} now"
    [phonemes] = phonemize([text], "en-us", words)
    said = said_words(text, words)
    assert [word.text for word in said] == ["say", "New York", "now"]
    ranges = sound_ranges(said, phonemes, "en-us")
    assert phonemes[slice(*ranges[1])] == "nˈuː jˈɔːɹk"
    assert phonemes[slice(*ranges[2])] == "nˈaʊ"


def test_an_unexpected_symbol_belongs_to_the_word_before_it() -> None:
    assert owners_of("abxc", "abc", [0, 0, 1]) == [0, 0, 0, 1]
    assert owners_of("c", "abc", [0, 0, 1]) == [1]
    assert owners_of("ab", "", []) == [0, 0]


def test_no_words_have_no_sounds() -> None:
    assert sound_ranges((), "", "en-us") == []
