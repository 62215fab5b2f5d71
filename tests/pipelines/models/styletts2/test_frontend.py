from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pipelines.audio.edges import WHOLE, Edges
from pipelines.english.symbols import encode
from pipelines.models.styletts2.frontend import (
    StyleTTS2Frontend,
    check,
    edges_of,
    kokoro_frontend,
)
from pipelines.models.styletts2.segments import SpeechSegment
from pipelines.models.styletts2.text import analyse
from pipelines.protocol import InvalidInput, SpeechRequest, Turn
from pipelines.runtime.seeds import segment_seed
from pipelines.settings import PipelineSettings

SETTINGS = PipelineSettings(chunk_characters=60)
TEXT = "The boats came home at dawn. Nobody had slept; the kettle was already on, and so we talked."


@pytest.fixture(scope="module")
def frontend() -> StyleTTS2Frontend:
    return kokoro_frontend(SETTINGS)


def _prepare(frontend: StyleTTS2Frontend, *requests: SpeechRequest) -> list[list[SpeechSegment]]:
    prepared: Any = frontend.prepare(requests)
    return prepared


def test_kokoro_frontend_segments_are_the_chunks_in_order(frontend: StyleTTS2Frontend) -> None:
    [segments] = _prepare(frontend, SpeechRequest(TEXT, "bm_george", speed=1.5, seed=9))
    chunks = analyse(TEXT, "en-gb", 60)
    assert len(segments) == len(chunks) >= 2
    assert [segment.index for segment in segments] == list(range(len(chunks)))
    for segment, chunk in zip(segments, chunks, strict=True):
        assert segment.text == chunk.text
        own = segment.tokens[1 + segment.lead : len(segment.tokens) - 1 - segment.trail]
        assert own.tolist() == encode(chunk.phonemes)
        assert segment.length == len(segment.tokens) <= 512
        assert segment.style.shape == (256,)
        assert segment.speed == 1.5


def test_segments_inside_a_sentence_have_two_words_of_their_neighbours(
    frontend: StyleTTS2Frontend,
) -> None:
    text = "He said that the boats that came home at dawn brought more fish than anybody could eat."
    [segments] = _prepare(frontend, SpeechRequest(f"{text}\n\nSo we slept.", "af_heart"))
    one, two, alone = segments
    assert (one.lead, alone.lead, two.trail, alone.trail) == (0, 0, 0, 0)
    ends = [1 + word.first for word in two.words]
    assert one.tokens[-1 - one.trail : -1].tolist() == [
        16,
        *two.tokens[1 + two.lead : two.words[1].last].tolist(),
    ]
    assert two.tokens[1 : 1 + two.lead].tolist() == [
        *one.tokens[one.words[-2].first : -1 - one.trail].tolist(),
        16,
    ]
    assert ends[0] == 2 + two.lead


def test_what_two_voices_say_has_no_words_of_the_other(frontend: StyleTTS2Frontend) -> None:
    turns = (Turn(end=8, voice="af_heart"), Turn(end=18, voice="am_puck"))
    [segments] = _prepare(frontend, SpeechRequest("One, and then two.", "af_heart", turns=turns))
    assert [(segment.lead, segment.trail) for segment in segments] == [(0, 0)] * 2


def test_kokoro_frontend_voice_decides_the_pronunciation(frontend: StyleTTS2Frontend) -> None:
    [[here], [there]] = _prepare(
        frontend, SpeechRequest("bath", "af_heart"), SpeechRequest("bath", "bf_emma")
    )
    assert here.tokens.tolist() != there.tokens.tolist()


def test_kokoro_frontend_seeds_are_fixed_by_clip_and_index(frontend: StyleTTS2Frontend) -> None:
    first, again, other = _prepare(
        frontend,
        SpeechRequest(TEXT, "af_heart", seed=1),
        SpeechRequest(TEXT, "af_heart", seed=1),
        SpeechRequest(TEXT, "af_heart", seed=2),
    )
    assert [s.seed for s in first] == [s.seed for s in again]
    assert not {s.seed for s in first} & {s.seed for s in other}
    assert len({s.seed for s in first}) == len(first)


@pytest.mark.parametrize("seed", [0, -1, 2**63, 2**64 - 1, 2**80])
def test_kokoro_frontend_any_seed_makes_a_seed_that_torch_takes(seed: int) -> None:
    assert 0 <= segment_seed(seed, 3) < 2**63


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan, math.inf, 0.2, 4.1])
def test_kokoro_frontend_speeds_out_of_range_are_refused(speed: float) -> None:
    with pytest.raises(InvalidInput) as refused:
        check(SpeechRequest("Hello.", "woman", speed=speed), SETTINGS)
    assert refused.value.field == "speed"


@pytest.mark.parametrize(
    ("text", "voice", "code"),
    [("🎉", "woman", "nothing_to_say"), ("Hello.", "nobody", "unknown_voice")],
)
def test_kokoro_frontend_what_cannot_be_spoken_is_refused(text: str, voice: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check(SpeechRequest(text, voice), SETTINGS)
    assert refused.value.code == code


def test_silence_is_cut_where_chunks_meet_and_pauses_follow_the_marks() -> None:
    chunks = analyse("A first one here.\n\nThen, a <break time='1s'/> last one.", "en-us", 125)
    edges = edges_of(chunks, 0.4, speed=2.0)
    assert edges == [
        Edges(cut_end=True),
        Edges(before=pytest.approx(0.5), cut_start=True, cut_end=True),
        Edges(before=pytest.approx(1.0), cut_start=True),
    ]


def test_a_clip_of_one_chunk_keeps_its_silence() -> None:
    assert edges_of(analyse("One.", "en-us", 125), 0.3, speed=1.0) == [WHOLE]


def test_every_word_has_its_tokens_and_its_place_in_the_text(frontend: StyleTTS2Frontend) -> None:
    text = 'It cost $5.\n<break time="1s"/> "Really," said Dr. Jones.'
    [segments] = _prepare(frontend, SpeechRequest(text, "af_heart"))
    words = [word for segment in segments for word in segment.words]
    assert [(text[word.begin : word.end], word.said) for word in words] == [
        ("It", "It"),
        ("cost", "cost"),
        ("$5", "five dollars"),
        ("Really", "Really"),
        ("said", "said"),
        ("Dr", "Doctor"),
        ("Jones", "Jones"),
    ]
    for segment in segments:
        ends = [0]
        for word in segment.words:
            assert ends[-1] < word.first < word.last < segment.length
            ends.append(word.last)


def test_turns_are_said_by_their_voices(frontend: StyleTTS2Frontend) -> None:
    text = "Who is there?\nIt is me."
    turns = (Turn("af_heart", 14), Turn("bm_george", len(text)))
    [segments] = _prepare(frontend, SpeechRequest(text, "af_heart", turns=turns))
    assert [segment.text for segment in segments] == ["Who is there?", "It is me."]
    assert [segment.index for segment in segments] == [0, 1]
    assert segments[1].edges.before == SETTINGS.silence_seconds
    [[alone]] = _prepare(frontend, SpeechRequest("It is me.", "bm_george"))
    assert segments[1].tokens.tolist() == alone.tokens.tolist()
    assert np.array_equal(segments[1].style, alone.style)
    assert [text[word.begin : word.end] for word in segments[1].words] == ["It", "is", "me"]


def test_turns_may_not_say_more_than_one_text() -> None:
    settings = PipelineSettings(spoken_characters=20)
    turns = (Turn("af_heart", 14), Turn("bm_george", 23))
    with pytest.raises(InvalidInput) as caught:
        check(SpeechRequest("Who is there?\nIt is me.", "af_heart", turns=turns), settings)
    assert caught.value.code == "text_too_long"
