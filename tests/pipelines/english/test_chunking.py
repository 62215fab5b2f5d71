import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.english.characters import NO_BREAK
from pipelines.english.chunking import Seam, seam_after, split

LIMIT = 125

SCRIPTS = st.sampled_from(
    [
        "cat",
        "a",
        "e\u0301\u0323",
        "😀",
        "👨\u200d👩\u200d👧",
        "שלום",
        "مرحبا",
        "你好世界",
        "สวัสดี",
        "नमस्ते",
    ]
)
WORDS = st.one_of(st.text("abcdefgh", min_size=1, max_size=12), SCRIPTS, st.just("x" * 150))
GAPS = st.sampled_from(
    [" ", "  ", "\n", "\t", "\u2003", "\u2028", " — ", ", ", ". ", "? ", NO_BREAK]
)
TEXTS = st.one_of(
    st.text(max_size=400),
    st.lists(st.tuples(WORDS, GAPS), max_size=60).map(
        lambda pairs: "".join(word + gap for word, gap in pairs)
    ),
)


def unspaced(text: str) -> str:
    return re.sub(r"\s", "", text)


@given(TEXTS, st.integers(1, 200))
def test_nothing_is_lost_or_said_twice(text: str, limit: int):
    assert unspaced("".join(split(text, limit))) == unspaced(text)


@given(TEXTS, st.integers(1, 200))
def test_chunks_hold_1_to_limit_characters(text: str, limit: int):
    assert all(1 <= len(chunk) <= limit and chunk.strip() for chunk in split(text, limit))


@given(TEXTS)
def test_words_that_fit_are_whole(text: str):
    words = re.findall(rf"(?:[^\s]|{NO_BREAK})+", text)
    chunks = split(text, LIMIT)
    whole = [word for word in words if len(word) <= LIMIT and word.strip(NO_BREAK)]
    spoken = [word for chunk in chunks for word in re.findall(rf"(?:[^\s]|{NO_BREAK})+", chunk)]
    for word in whole:
        assert word in spoken
        spoken.remove(word)


@given(
    st.lists(st.text("ab\u0301\u0323", min_size=1, max_size=40), max_size=20), st.integers(50, 90)
)
def test_marks_stay_with_their_letter(parts: list[str], limit: int):
    text = "a" + "".join(parts)
    assert not any(chunk[0] in "\u0301\u0323" for chunk in split(text, limit))


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_1_is_refused(limit: int):
    with pytest.raises(ValueError, match="at least 1"):
        split("text", limit)


def test_text_that_fits_is_one_chunk():
    assert split("Yes. No, maybe; who knows?", LIMIT) == ["Yes. No, maybe; who knows?"]


def test_nothing_gives_no_chunk():
    assert split(" \n ", LIMIT) == []


def test_sentences_come_before_clauses_and_words():
    first = "The river was high, and nobody in the village dared to cross it that day."
    second = "So the letters waited in the post office, tied with string, until the end of May."
    assert split(f"{first} {second}", LIMIT) == [first, second]


def test_long_sentences_are_cut_at_clauses():
    clauses = [
        "She had packed the lamps, the blankets and the good plates before anyone was awake;",
        "the cart stood loaded at the gate (with the horse asleep in its harness)",
        "and the only thing left behind was the clock that had never worked.",
    ]
    first, second = split(" ".join(clauses), LIMIT)
    assert first.endswith("loaded at the gate")
    assert second.startswith("(with the horse")


def test_text_without_punctuation_is_cut_evenly_at_words():
    chunks = split("one two three four five six seven eight nine ten " * 8, LIMIT)
    assert [len(chunk) for chunk in chunks] == [97, 97, 97, 97]


def test_no_word_is_left_alone():
    text = "So, " + "abcd " * 25 + "abcd."
    assert min(map(len, split(text, LIMIT))) > 30


def test_short_sentences_go_with_their_neighbours():
    long = "This sentence is nearly as long as a chunk can be without being cut in two anywhere."
    chunks = split(f"{long} {long} Yes. No. {long}", LIMIT)
    assert [chunk.count(long) for chunk in chunks] == [1, 1, 1]


def test_spoken_units_are_not_cut():
    unit = NO_BREAK.join(["one", "hundred", "and", "seven"])
    for limit in range(len(unit), 100):
        assert any(unit in chunk for chunk in split(f"word {unit} " * 3, limit))
        assert "".join(split(f"word {unit} " * 3, limit)).count(unit) == 3


def test_a_unit_longer_than_the_limit_is_cut_between_its_words():
    unit = NO_BREAK.join(["seven"] * 40)
    chunks = split(unit, 50)
    assert {word for chunk in chunks for word in chunk.split(NO_BREAK)} == {"seven"}


def test_a_long_token_is_cut_into_even_parts():
    assert [len(chunk) for chunk in split("a" * 260, LIMIT)] == [87, 87, 86]


@settings(max_examples=20)
@given(st.lists(st.integers(1, 120), min_size=1, max_size=40))
def test_no_sentence_that_fits_is_cut_at_a_word(lengths: list[int]):
    sentences = ["a" * length + "." for length in lengths]
    for chunk in split(" ".join(sentences), LIMIT):
        assert chunk.endswith(".")


@pytest.mark.parametrize(
    ("chunk", "seam"),
    [
        ("The end.", Seam.SENTENCE),
        ("Is it?”", Seam.SENTENCE),
        ("well,", Seam.CLAUSE),
        ("(so it was)", Seam.CLAUSE),
        ("so\u00a0—", Seam.CLAUSE),
        ("the small", Seam.NONE),
    ],
)
def test_what_follows_a_chunk_is_seen_by_its_last_mark(chunk: str, seam: Seam):
    assert seam_after(chunk) == seam


def test_the_first_chunk_of_a_long_text_is_short():
    long = "and then the rest of the story goes on and on without an end that anyone can see."
    assert split(f"It was late at night. {long} {long}", LIMIT, 60)[0] == "It was late at night."
    assert split(f"When the rain had stopped, {long} {long}", LIMIT, 60)[0] == (
        "When the rain had stopped,"
    )


def test_the_first_chunk_is_no_scrap_and_no_part_of_a_phrase():
    long = "then the rest of the story goes on and on without an end that anyone can see here now."
    assert len(split(f"Yes. {long} {long}", LIMIT, 60)[0]) > 15
    assert split(long, LIMIT, 60) == [long]
    unmarked = f"{long[:-1]} {long}"
    assert split(unmarked, LIMIT, 60) == split(unmarked, LIMIT)


@given(TEXTS, st.integers(1, 200), st.integers(1, 100))
def test_a_short_first_chunk_loses_nothing(text: str, limit: int, first: int):
    chunks = split(text, limit, first)
    assert unspaced("".join(chunks)) == unspaced(text)
    assert all(1 <= len(chunk) <= limit for chunk in chunks)


def test_sentences_without_marks_are_cut_where_a_speaker_could_breathe():
    text = (
        "The long train pulled into the small station in the valley after seven hours of delay "
        "caused by heavy snow that had fallen over the whole region during the night"
    )
    breaths = {"after", "of", "by", "that", "over", "during", "in", "into"}
    for chunk in split(text, 80)[1:]:
        assert chunk.split()[0] in breaths
