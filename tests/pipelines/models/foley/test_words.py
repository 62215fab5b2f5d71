from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.models.foley.catalogue import SOUNDS
from pipelines.models.foley.synthesis.sound import DISTANCE, INTENSITY, PITCH, SPACE, SPEED
from pipelines.models.foley.words import WORDS, traits_in, without_traits


@pytest.mark.parametrize(
    ("text", "traits"),
    [
        ("Fast footsteps in an echoing hall", {SPEED: 1, SPACE: 1}),
        ("a deep, distant bell", {PITCH: -1, DISTANCE: 1}),
        ("Heavy rain", {INTENSITY: 1}),
        ("a high-pitched siren", {PITCH: 1}),
        ("breakfast", {}),
        ("", {}),
    ],
)
def test_words_what_a_text_tells(text: str, traits: dict[str, int]) -> None:
    assert traits_in(text) == traits


def test_words_what_is_left_is_the_sound_and_never_nothing() -> None:
    assert without_traits("Slow heavy footsteps") == "footsteps"
    assert without_traits("Very fast") == "very"
    assert without_traits("fast") == "fast"


def test_words_no_word_tells_two_things() -> None:
    words = [word for ends in WORDS.values() for end in ends for word in end.split()]
    assert len(words) == len(set(words))


@given(
    kind=st.sampled_from(sorted(SOUNDS)),
    trait=st.sampled_from(sorted(WORDS)),
    end=st.sampled_from((-1, 1)),
    data=st.data(),
)
def test_words_each_word_is_told_before_any_sound_and_taken_away(
    kind: str, trait: str, end: int, data: st.DataObject
) -> None:
    word = data.draw(st.sampled_from(WORDS[trait][end > 0].split()))
    phrase = without_traits(data.draw(st.sampled_from(SOUNDS[kind].phrases)))
    assert traits_in(f"{word} {phrase}")[trait] == end
    assert without_traits(f"{word} {phrase}") == without_traits(phrase)


@given(st.text())
def test_words_any_text_has_a_plain_form(text: str) -> None:
    assert without_traits(text) or not text
