from __future__ import annotations

from pipelines.english.symbols import encode
from pipelines.models.styletts2.marks import CLAUSE, SENTENCE, marks_of
from pipelines.models.styletts2.segments import MarkTokens


def tokens(phonemes: str) -> list[int]:
    return [0, *encode(phonemes), 0]


def test_marks_lie_between_words_and_the_strongest_counts() -> None:
    found = marks_of(tokens("ab, kd. “mn!” op"))
    assert found == (
        MarkTokens(3, 5, *CLAUSE),
        MarkTokens(7, 10, *SENTENCE),
        MarkTokens(12, 15, *SENTENCE),
    )


def test_marks_at_the_ends_and_mere_spaces_are_none() -> None:
    assert marks_of(tokens("“ab kd” mn, ")) == ()
    assert marks_of(tokens("...")) == ()


def test_marks_of_the_neighbours_are_not_of_the_chunk() -> None:
    whole = tokens("ab, kd mn. op")
    assert marks_of(whole, lead=5, trail=3) == ()
    assert len(marks_of(whole, lead=0, trail=3)) == 1
