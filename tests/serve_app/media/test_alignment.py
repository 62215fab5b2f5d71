from __future__ import annotations

import pytest

from pipelines.protocol import Word
from serve_app.media.alignment import of_said, of_text

WORDS = [Word(0, 2, "Hi", 0.1, 0.3), Word(4, 6, "five dollars", 0.5, 1.1)]


def test_every_character_has_a_time() -> None:
    found = of_text("Hi, $5!", WORDS)
    assert "".join(found.characters) == "Hi, $5!"
    assert found.starts == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.8, 1.1])
    assert found.ends == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.8, 1.1, 1.1])


def test_what_is_said_has_times_too() -> None:
    found = of_said(WORDS)
    assert "".join(found.characters) == "Hi five dollars"
    assert found.starts[3] == 0.5
    assert found.ends[-1] == 1.1


def test_words_at_the_same_place_count_once() -> None:
    again = [*WORDS, Word(4, 6, "more", 1.1, 1.2)]
    assert len(of_text("Hi, $5!", again).characters) == 7
    assert of_text("", []).characters == []
