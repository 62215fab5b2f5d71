from __future__ import annotations

import re

import pytest

from pipelines.english.normalize import normalize
from pipelines.english.source_words import source_spans, written_words


def said_as(text: str, *, literal: bool = False) -> list[tuple[str, str]]:
    """What is written for each word that is said, where these differ."""
    said = re.findall(r"[^\s;:,.!?—…“”()]+", normalize(re.sub("<[^>]*>", " ", text), "en-us"))
    spans = source_spans(text, said, "en-us", literal=literal)
    assert spans == sorted(spans)
    written = [text[begin:end] for begin, end in spans]
    return [pair for pair in zip(written, said, strict=True) if pair[0] != pair[1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The kettle is on.", []),
        ("“Quite,” she said — and left…", []),
        ("Dr. Jones has 2 dogs", [("Dr", "Doctor"), ("2", "two")]),
        ("It was $5.", [("$5", "five"), ("$5", "dollars")]),
        ("salt & pepper 50% off", [("&", "and"), ("50%", "fifty"), ("50%", "percent")]),
        (
            "on 3/4/2024 at 5pm",
            [
                ("3/4/2024", "March"),
                ("3/4/2024", "fourth"),
                ("3/4/2024", "twenty"),
                ("3/4/2024", "twenty-four"),
                ("5pm", "five"),
                ("5pm", "PM"),
            ],
        ),
        ('<p class="dr">Dr. <b>Jones</b></p>', [("Dr", "Doctor")]),
    ],
)
def test_words_are_found_where_they_are_written(text: str, expected: list[tuple[str, str]]) -> None:
    assert said_as(text) == expected


def test_markup_is_not_written_words() -> None:
    text = 'Wait <break time="1s"/> for [tomato](/təmɑːtəʊ/) now'
    assert [text[a:b] for a, b in written_words(text)] == ["Wait", "for", "tomato", "now"]
    assert len(written_words(text, literal=True)) > 4


def test_words_that_stand_for_nothing_written_have_a_place_all_the_same() -> None:
    assert source_spans("...", ["dot"], "en-us") == [(0, 3)]
    assert source_spans("a b", ["a", "b", "c"], "en-us") == [(0, 1), (2, 3), (2, 3)]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ([f"wort{n}" for n in range(800)], [f"said{n}" for n in range(800)]),
        (["I", "1"] * 1_250, ["I", "one"] * 1_250),
        (["a"] * 2_500, ["a"] * 2_400),
        (["a", "b"] * 1_250, ["b", "a"] * 1_250),
    ],
)
def test_texts_with_little_in_common_keep_their_order(written: list[str], said: list[str]) -> None:
    spans = source_spans(" ".join(written), said, "en-us")
    assert len(spans) == len(said)
    assert spans == sorted(spans)
