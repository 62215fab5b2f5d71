import logging
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.english.normalize import normalize
from pipelines.english.phonemes import phonemize, phonemize_with_punctuation
from pipelines.english.scripts import LANGUAGES, check_scripts
from pipelines.english.symbols import IDS, has_sound
from pipelines.protocol import InvalidInput

SAMPLES = {
    "ARABIC": "مرحبا بالعالم",
    "ARMENIAN": "Բարեւ աշխարհ",
    "BENGALI": "ওহে বিশ্ব",
    "CJK": "你好世界",
    "CYRILLIC": "Привет мир",
    "DEVANAGARI": "नमस्ते दुनिया",
    "ETHIOPIC": "ሰላም ልዑል",
    "GEORGIAN": "გამარჯობა",
    "GREEK": "Γειά σου",
    "GUJARATI": "નમસ્તે",
    "GURMUKHI": "ਸਤ ਸ੍ਰੀ ਅਕਾਲ",
    "HANGUL": "안녕하세요",
    "HIRAGANA": "こんにちは",
    "KANNADA": "ನಮಸ್ಕಾರ",
    "KATAKANA": "カタカナ",
    "MALAYALAM": "നമസ്കാരം",
    "ORIYA": "ନମସ୍କାର",
    "SINHALA": "ආයුබෝවන්",
    "TAMIL": "வணக்கம்",
    "TELUGU": "హలో ప్రపంచం",
    "THAI": "สวัสดี",
}


def sounds(text: str, language: str = "en-us") -> str:
    [phonemes] = phonemize([normalize(text, language)], language)
    return phonemes


@pytest.mark.parametrize(
    ("text", "language", "phonemes"),
    [
        ("Hello, world!", "en-us", "həlˈoʊ, wˈɜːld!"),
        ("Hello, world!", "en-gb", "həlˈəʊ, wˈɜːld!"),
        ("the (small) dog — it's mine…", "en-us", "ðə (smˈɔːl) dˈɑːɡ — ɪts mˈaɪn…"),
        ("“Go”; now: why?", "en-us", "“ɡˈoʊ”; nˈaʊ: wˈaɪ?"),
        ("bath", "en-us", "bˈæθ"),
        ("bath", "en-gb", "bˈaθ"),
    ],
)
def test_english(text: str, language: str, phonemes: str):
    assert sounds(text, language) == phonemes


def test_a_before_an_opening_mark_is_the_article():
    assert sounds("a “quick” fix") == "ɐ “kwˈɪk” fˈɪks"
    assert sounds("plan a (of two)").startswith("plˈæn ɐ (")
    assert sounds("vitamin A, please").startswith("vˈaɪɾəmɪn ˈeɪ,")


@pytest.mark.parametrize(
    ("written", "like"),
    [
        ("GPUs", "G P yous"),
        ("the IDs", "the I dees"),
        ("Ms. Lee", "miz Lee"),
        ("A.I. is", "A-I is"),
    ],
)
def test_what_espeak_misreads_is_respelled(written: str, like: str):
    def plain(text: str) -> str:
        return re.sub("[ˈˌ ]", "", sounds(text))

    assert plain(written) == plain(like)


def test_a_batch_equals_each_text_alone():
    texts = ["One, two.", "", "Привет, you!", "π and “Ω”", "...", "今天 is today"]
    assert phonemize(texts, "en-us") == [phonemize([text], "en-us")[0] for text in texts]


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_script_is_read_in_its_own_language(name: str):
    text = SAMPLES[name]
    check_scripts(text)
    phonemes = sounds(text)
    assert has_sound(phonemes)
    # Letters named in English one by one would need several sounds each.
    assert len(phonemes) < 6 * len(text)
    assert "lˌɛɾɚ" not in phonemes


def test_scripts_may_be_mixed_in_a_sentence():
    assert sounds("Hello Мир, yes") == f"{sounds('Hello')} {sounds('Мир')}, {sounds('yes')}"


def test_single_greek_letters_are_named():
    assert sounds("π and the α-helix") == sounds("pi and the alpha-helix")


@pytest.mark.parametrize("text", ["ខ្មែរ", "שלום", "ᚠᚢᚦ", "hello ᠮᠣᠩᠭᠣᠯ"])
def test_scripts_that_no_voice_reads_are_refused(text: str):
    with pytest.raises(InvalidInput, match="script") as refused:
        check_scripts(text)
    assert (refused.value.field, refused.value.code) == ("text", "unsupported_script")


def test_kanji_is_refused_only_among_kana():
    check_scripts("日本")
    check_scripts("ひらがな")
    with pytest.raises(InvalidInput, match="kanji"):
        check_scripts("今日はいい天気")


@settings(max_examples=50, deadline=None)
@given(
    st.text(max_size=100) | st.text("abc XYZ,.'\"0189你и😀α\u0301-\n("),
    st.sampled_from(["en-us", "en-gb"]),
)
def test_any_text_gives_known_symbols_only(text: str, language: str):
    phonemes = sounds(text, language)
    assert set(phonemes) <= IDS.keys()
    assert phonemes == phonemes.strip()
    assert "  " not in phonemes


def test_threads_may_call_at_the_same_time():
    texts = [f"Sentence number {word} of many, привет." for word in ("one", "two", "three")]
    alone = phonemize(texts, "en-us"), phonemize(texts, "en-gb")
    with ThreadPoolExecutor(8) as threads:
        american = [threads.submit(phonemize, texts, "en-us") for _ in range(20)]
        british = [threads.submit(phonemize, texts, "en-gb") for _ in range(20)]
    assert all(call.result() == alone[0] for call in american)
    assert all(call.result() == alone[1] for call in british)


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]):
    with caplog.at_level(logging.DEBUG):
        sounds("Quelque chose 今天 and 안녕 more")
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("before", ["–", "_", "'", "|", "\u200b", "\u202e"])
@pytest.mark.parametrize("letters", ["नम", "নম", "നമ", "નમ", "aন", "éന", "αന"])
def test_no_hyphen_before_an_indic_letter_ends_the_process(before: str, letters: str) -> None:
    for text in (f"{before}-{letters}", f"warm {before}-{letters} kitchen"):
        (alone,) = phonemize_with_punctuation([text], "en-us")
        (apart,) = phonemize_with_punctuation([text.replace("-", " ")], "en-us")
        assert alone == apart
        assert phonemize([text], "en-us")[0]
