from __future__ import annotations

import pytest

from pipelines.english.arpabet import to_ipa
from pipelines.english.given import say_as_given
from pipelines.english.marks import Words
from pipelines.english.reading import read
from pipelines.protocol import Pronunciation

RULES = [
    Pronunciation("SQL", "sequel"),
    Pronunciation("MySQL", "my sequel"),
    Pronunciation("SQL", "never"),
    Pronunciation("C++", "see plus plus"),
]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SQL and MySQL.", "sequel and my sequel."),
        ("sql, SQLite, NoSQL", "sql, SQLite, NoSQL"),
        ("C++ (C++).", "see plus plus (see plus plus)."),
    ],
)
def test_aliases_stand_for_whole_words(text: str, said: str) -> None:
    assert say_as_given(text, RULES, Words(), str) == said


def test_aliases_are_read_as_any_text() -> None:
    [part] = read("Mr. X.", "en-us", literal=False, given=[Pronunciation("X", "No. 5")]).parts
    assert part.text.split() == ["Mister", "number", "five."]


def test_sounds_are_marked() -> None:
    given = [Pronunciation("tomato", ipa="təˈmɑtoʊ")]
    reading = read("a tomato", "en-us", literal=True, given=given)
    [part] = reading.parts
    assert reading.words.written(part.text) == "a tomato"
    assert reading.words.spoken(part.text[-1]).phonemes == "təˈmɑtoʊ"


def test_arpabet() -> None:
    assert to_ipa("HH AH0 L OW1") == "həlˈoʊ"
    assert to_ipa("W ER1 L D") == "wˈɜɹld"
    assert to_ipa("XX") == to_ipa("hello!") == ""
