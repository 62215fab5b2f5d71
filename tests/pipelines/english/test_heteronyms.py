"""Heteronyms: `heteronyms.tsv` has sentences that each decide the reading of one word."""

import time
from collections import Counter
from pathlib import Path

import pytest

from pipelines.english import context, heteronyms
from pipelines.english.marks import Words
from pipelines.english.phonemes import phonemize
from pipelines.english.pronunciation import pronounce
from pipelines.english.symbols import IDS

TABLE = Path(__file__).parent / "heteronyms.tsv"
SENTENCES = [
    line.split("\t")
    for line in TABLE.read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
MOST_WRONG = 0.05


def sounds(text: str, language: str = "en-us") -> str:
    words = Words()
    [phonemes] = phonemize([pronounce(text, language, words)], language, words)
    return phonemes


def reading(sentence: str, word: str) -> str | None:
    words = [token for token, _ in context.tokens(sentence)]
    place = [token.lower() for token in words].index(word.lower())
    chosen = heteronyms.choose(words, place)
    return chosen and chosen.name


def test_few_sentences_are_read_wrong():
    wrong = [
        (sentence, wanted)
        for word, wanted, sentence in SENTENCES
        if (found := reading(sentence, word)) is not None and found != wanted
        and (found, wanted) not in (("noun", "adjective"), ("verb", "adjective"), ("noun", "noun"))
    ]  # fmt: skip
    assert len(SENTENCES) >= 300
    assert len(wrong) <= MOST_WRONG * len(SENTENCES), wrong


@pytest.mark.parametrize(
    ("sentence", "part"),
    [
        ("I read the book yesterday.", "ɹˈɛd"),
        ("I will read it.", "ɹˈiːd"),
        ("Close the door.", "klˈoʊz"),
        ("They are close friends.", "klˈoʊs"),
        ("Excuse me.", "ɛkskjˈuːz"),
        ("Does he use it?", "jˈuːz"),
        ("of no use", "jˈuːs"),
        ("The pipe is made of lead.", "lˈɛd"),
        ("Buy fresh produce.", "pɹˈoʊduːs"),
        ("Present the award.", "pɹɪzˈɛnt"),
        ("He wound the rope.", "wˈaʊnd"),
        ("The sow had ten piglets.", "sˈaʊ"),
    ],
)
def test_the_reading_is_heard(sentence: str, part: str):
    assert part in sounds(sentence)


def test_the_sentence_around_a_heteronym_keeps_its_sounds():
    assert sounds("the object of it").startswith("ðɪ ˈɑːbdʒɛkt ʌv")
    assert sounds("the desert") == "ðə dˈɛzɚt"
    assert sounds("the records, the records!").count("ɹˈɛkɚdz") == 2


def test_words_in_s_follow_their_base():
    [noun, verb] = heteronyms.readings("records")
    assert (noun.american, verb.american) == ("ɹˈɛkɚdz", "ɹᵻkˈɔːɹdz")
    [noun, verb] = heteronyms.readings("abuses")
    assert noun.american.endswith("sᵻz")
    assert heteronyms.readings("useless") == ()


def test_every_reading_is_known_to_the_model_and_differs():
    seen: Counter[str] = Counter()
    for line in (context.DATA / "heteronyms.tsv").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        word, name, tags, american, british = line.split("\t")
        assert set(american + british) <= IDS.keys(), line
        assert name
        assert tags
        seen[word] += 1
    assert all(count >= 2 or word in ("lima", "mobile") for word, count in seen.items())


@pytest.mark.parametrize(
    ("word", "sound"),
    [("Golang", "ɡˈoʊlæŋ"), ("Redis", "ɹˈɛdɪs"), ("FAQ", "ˌɛfˌeɪkjˈuː"), ("shh", "ʃː")],
)
def test_words_that_espeak_does_not_know_are_given(word: str, sound: str):
    assert sound in sounds(f"The {word} here.")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Chopin’s music", "ʃˈoʊpænz "),
        ("Nike sponsors it.", "nˈaɪki "),
        ("Bach's masses", "bˈɑːks "),
        ("It's Redis's cache.", "ɹˈɛdɪsᵻz "),
    ],
)
def test_names_are_given_and_have_a_possessive(text: str, part: str):
    assert part in sounds(text)


def test_the_sounds_that_are_given_are_known_to_the_model():
    for name in ("words.tsv", "names.tsv"):
        for line in (context.DATA / name).read_text("utf-8").splitlines():
            if not line.startswith("#"):
                word, american, british = line.split("\t")
                assert set(american + british) <= IDS.keys() | {" "}, word


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("We took Vitamin A today.", True),
        ("Under article six one A of it.", True),
        ("the A four paper", True),
        ("A man came. A dog ran.", False),
        ("He said “A man came.”", False),
        ("Once Upon A Time", False),
        ("HE IS A MAN", False),
    ],
)
def test_a_capital_a_inside_a_sentence_is_the_letter(text: str, said: bool):
    assert ("ˈeɪ " in f"{sounds(text)} ") == said


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("They excused him.", "ɛkskjˈuːzd"),
        ("two houses", "hˈaʊzᵻz"),
        ("The contents fell out.", "kˈɑːntɛnts"),
        ("It was subjected to heat.", "səbdʒˈɛktᵻd"),
    ],
)
def test_forms_of_heteronyms_that_have_one_reading(text: str, part: str):
    assert part in sounds(text)


def test_am_after_the_speaker_is_the_verb():
    assert "ˌeɪˈɛm" in sounds("one AM")
    assert "ˌeɪˈɛm" not in sounds("I AM")


def test_a_line_is_read_in_a_few_milliseconds():
    text = (
        "Please read the record, close the lead pipe and use the wind to live near the desert, "
        * 10
    )
    words = Words()
    pronounce(text, "en-us", words)
    started = time.process_time()
    pronounce(text, "en-us", Words())
    assert (time.process_time() - started) * 125 / len(text) < 0.015
