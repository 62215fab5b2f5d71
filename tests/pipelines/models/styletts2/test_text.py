import re
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.english.symbols import encode, has_sound
from pipelines.models.styletts2.text import MAX_TOKENS, Chunk, analyse
from pipelines.protocol import InvalidInput

STORY = (
    "Dr. Smith paid $10,000 for 3.14 acres near St. Ives at 3:45 p.m. on 21 May 1999, i.e. before "
    "the U.S.A. had heard of it; nobody minded. "
)


def test_analyse_chunk_has_its_words_and_sounds():
    phonemes = "həlˈoʊ, tˈuː wˈɜːldz!"
    tokens = (0, *encode(phonemes), 0)
    [chunk] = analyse("Hello, 2 worlds!", "en-us", 125)
    assert replace(chunk, words=()) == Chunk("Hello, two worlds!", phonemes, tokens)
    assert len(chunk.words) == 3


@pytest.mark.parametrize("text", ["", "  \n", "😀 🎉", "?!…", "—", "\u200b", "()", "\x07"])
def test_analyse_text_without_sound_is_refused(text: str):
    with pytest.raises(InvalidInput) as refused:
        analyse(text, "en-us", 125)
    assert (refused.value.field, refused.value.code) == ("text", "nothing_to_say")


def test_analyse_scripts_that_no_voice_reads_are_refused():
    with pytest.raises(InvalidInput) as refused:
        analyse("Hello ខ្មែរ", "en-us", 125)
    assert refused.value.code == "unsupported_script"


@pytest.mark.parametrize("limit", [60, 80, 125, 300])
def test_analyse_abbreviations_and_numbers_do_not_end_chunks(limit: int):
    chunks = analyse(STORY * 5, "en-us", limit)
    for chunk in chunks[:-1]:
        assert not re.search(r"(Doctor|Saint|USA|ten|three|that|point|forty-five|the)$", chunk.text)
    spoken = " ".join(chunk.text for chunk in chunks)
    assert spoken == " ".join(chunk.text for chunk in analyse(STORY * 5, "en-us", 10_000))
    assert spoken.count("ten thousand dollars") == 5


def test_analyse_text_that_takes_too_long_to_say_is_refused():
    spoken = len("one thousand nine hundred ninety-nine dollars")
    assert analyse("$1,999", "en-us", 125, max_spoken=spoken)
    with pytest.raises(InvalidInput) as refused:
        analyse("$1,999", "en-us", 125, max_spoken=spoken - 1)
    assert (refused.value.field, refused.value.code) == ("text", "text_too_long")


def test_analyse_chunk_with_too_many_sounds_is_cut_again():
    text = "你好世界今天天气很好" * 12
    chunks = analyse(text, "en-us", 125)
    assert "".join(chunk.text for chunk in chunks) == text
    assert all(len(encode(chunk.phonemes)) <= MAX_TOKENS for chunk in chunks)
    assert len(chunks) > 1


def test_analyse_parts_without_sound_are_left_out():
    assert [chunk.text for chunk in analyse("😀! Yes. 🎉", "en-us", 4)] == ["Yes."]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300) | st.text("abc XYZ,.'\"0189你и😀α\u0301-\n("), st.integers(1, 200))
def test_analyse_any_text_gives_chunks_or_a_reason(text: str, limit: int):
    try:
        chunks = analyse(text, "en-us", limit)
    except InvalidInput as refused:
        chunks, reason = [], refused.code
    else:
        reason = ""
    assert bool(chunks) == (reason not in ("nothing_to_say", "unsupported_script"))
    for chunk in chunks:
        assert 1 <= len(chunk.text) <= limit
        assert 1 <= len(encode(chunk.phonemes)) <= MAX_TOKENS
        assert has_sound(chunk.phonemes)


def test_long_texts_are_analysed_fast():
    analyse("warm up", "en-us", 125)
    text = (STORY * 40)[:5000]
    started = time.process_time()
    analyse(text, "en-us", 125)
    assert time.process_time() - started < 0.5


def test_analyse_same_text_gives_the_same_chunks():
    assert analyse(STORY, "en-gb", 125) == analyse(STORY, "en-gb", 125)


def test_pauses_follow_the_text():
    chunks = analyse(
        "# Title\n\nOne sentence here.\n- an item\n\nThe <break time='2s'/> end. [pause:1s]",
        "en-us",
        125,
    )
    assert [chunk.text for chunk in chunks] == [
        "Title.", "One sentence here.", "an item.", "The", "end."
    ]  # fmt: skip
    assert [chunk.seam.name for chunk in chunks] == [
        "NONE", "PARAGRAPH", "SENTENCE", "PARAGRAPH", "NONE"
    ]  # fmt: skip
    assert [chunk.pause for chunk in chunks] == [None, None, None, None, pytest.approx(2)]
    assert [chunk.last_pause for chunk in chunks] == [0, 0, 0, 0, pytest.approx(1)]


def test_a_cut_inside_a_sentence_is_no_pause():
    text = "the boat came over the lake and the people on the shore saw it " * 4
    chunks = analyse(text, "en-us", 125)
    assert len(chunks) > 1
    assert {chunk.seam.name for chunk in chunks} == {"NONE"}


def test_literal_texts_are_read_as_they_are_written():
    [chunk] = analyse("<b>x</b>", "en-us", 1000, literal=True)
    assert "is less than" in chunk.text
    [chunk] = analyse("<b>x</b>", "en-us", 1000)
    assert chunk.text == "x"


def test_a_given_pronunciation_is_spoken():
    text = 'Say <phoneme alphabet="ipa" ph="təˈmɑːtəʊ">tomato</phoneme> now.'
    [chunk] = analyse(text, "en-us", 125)
    assert chunk.text == "Say tomato now."
    assert "təˈmɑːtəʊ" in chunk.phonemes


@pytest.mark.parametrize("text", ["April 11, 2026", "Dr. Smith", "$99,070.01", "3 May 2024"])
def test_dates_names_and_amounts_are_not_cut(text: str):
    whole = [chunk.text for chunk in analyse(text, "en-us", 1000)]
    for padding in range(20, 125, 3):
        words = "abcd " * (padding // 5)
        chunks = analyse(f"{words}{text} and then more words to fill the line up", "en-us", 125)
        assert any(whole[0].rstrip(".") in chunk.text for chunk in chunks)
