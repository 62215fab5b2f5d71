from __future__ import annotations

from itertools import pairwise

from pipelines.protocol import Word
from serve_app.media.captions import CUE_CHARACTERS, CUE_SECONDS, Cue, cues, shown, srt, vtt


def words_of(text: str, seconds: float = 0.4, gap: float = 0.0) -> list[Word]:
    found: list[Word] = []
    place = 0
    for number, word in enumerate(text.split()):
        begin = text.index(word, place)
        place = begin + len(word)
        bare = word.rstrip(".,!?")
        start = number * (seconds + gap)
        found.append(Word(begin, begin + len(bare), bare, start, start + seconds))
    return found


def test_a_cue_ends_with_its_sentence_and_keeps_its_marks() -> None:
    text = "The kettle is on. Who is there?"
    assert [cue.text for cue in cues(text, words_of(text), 60)] == [
        "The kettle is on.",
        "Who is there?",
    ]


def test_a_cue_ends_before_a_pause() -> None:
    text = "The kettle is on and warm"
    assert len(cues(text, words_of(text, gap=0.7), 60)) == 6


def test_cues_are_short_and_follow_one_another() -> None:
    text = "and on " * 60
    found = cues(text, words_of(text, 0.2), 60)
    assert all(len(cue.text) <= CUE_CHARACTERS for cue in found)
    assert all(cue.stop - cue.start <= CUE_SECONDS + 0.5 for cue in found)
    assert all(one.stop <= other.start for one, other in pairwise(found))
    assert " ".join(cue.text for cue in found) == text.strip()


def test_markup_is_not_shown() -> None:
    text = 'Wait <break time="1s"/> here'
    plain = shown(text, literal=False)
    assert len(plain) == len(text)
    words = [Word(0, 4, "Wait", 0, 0.4), Word(24, 28, "here", 0.5, 1)]
    assert [cue.text for cue in cues(plain, words, 60)] == ["Wait here"]
    assert shown(text, literal=True) == text


def test_srt_and_vtt() -> None:
    found = [Cue(0.5, 3661.25, "a " * 20 + "& <b>"), Cue(3662, 3663, "end")]
    assert srt(found).splitlines()[:2] == ["1", "00:00:00,500 --> 01:01:01,250"]
    assert srt(found).splitlines()[4:] == ["", "2", "01:01:02,000 --> 01:01:03,000", "end"]
    lines = vtt(found).splitlines()
    assert lines[:3] == ["WEBVTT", "", "00:00:00.500 --> 01:01:01.250"]
    assert lines[4].endswith("&amp; &lt;b&gt;")
    assert vtt([]) == "WEBVTT\n"


def test_the_last_cue_ends_with_the_clip() -> None:
    words = [Word(0, 4, "Wait", 0.2, 0.6), Word(5, 9, "here", 0.6, 1.0)]
    assert [cue.stop for cue in cues("Wait here", words, 1.2)] == [1.2]
    assert [cue.stop for cue in cues("Wait here", words, 5)] == [1.5]
    assert cues("", [], 1.2) == []
