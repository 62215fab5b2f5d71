"""Odd texts for the front end of speech: normalising, cutting into chunks, phonemes."""

from __future__ import annotations

import sys
import unicodedata
from random import Random

from pipelines.english.symbols import encode
from pipelines.models.styletts2.published import text as official_text
from pipelines.models.styletts2.text import MAX_TOKENS, analyse
from pipelines.protocol import InvalidInput
from tests.fuzz.running import known

LONGEST, MOST_SPOKEN, LIMIT = 5_000, 20_000, 125
CODES = {"nothing_to_say", "text_too_long", "unsupported_script"}
MOST_SECONDS = 5.0
"""Of computing, for any text: of ten thousand, Kokoro's front end took 0.4 for the slowest, the two
published ones together 3."""

_PIECES = [
    *"""
1 0 9 1,000 3.14 -5 +7 1e9 ½ ² Ⅳ 007 10% $1.50 £3m €9bn 1/2 3/4/1999 1999-12-31 12:34 3:45pm
23:59:59 1st 22nd 1990s '90s 5'11" 10°C 6x 7×8 192.168.0.1 +44-20-7946 a@b.co
http://x.y/z?q=1&r=2 #tag @me C++ A/B Dr. Mr. St. U.S.A. i.e. e.g. p.m. etc. GPUs NYC WHO Ms
AWS a A I X's rock'n'roll mother-in-law [[h@'l@U]] <speak> </speak> <break/> &amp; &lt; {x}
(( )) “ ” ‘ ’ « » — – … ... ?! !!! ;; :: ,, -- __ ** // \\ 你好 こんにちは 안녕 שלום مرحبا привет
αβγ नमस्ते สวัสดี ﬁ Å 😀 🇬🇧 𝕏 ı İ ß ẞ Ω ℃ ㎏ ﷽ ａ １
""".split(),  # noqa: SIM905 - hundreds of quotes would hide them
    *("e\u0301", "\u0301", "\u200b", "\u200d", "\ufeff", "\u202e", "\u2028", "\u00ad", "\u00a0"),
    *("\U0001f469\u200d\U0001f467", "\U000e0041", "\U0010ffff", "\ufffd"),
]
_MIXED = (
    "-–—_'|/\\*&^~+=.,\u200b\u200d\u202e\u00ad\u0301 aZ1éпαనनम्বমനാનનமനિ你こ안ก้مשგአბայලမកໄ\U0001f600"
)
"""Letters of many scripts, and marks between them: espeak-ng changes its language in mid-word."""
_PUBLISHED = [
    official_text.PublishedScript(drops_quotes=False),
    official_text.PublishedScript(drops_quotes=True, long_form=True),
]
_JOINTS = ["", " ", " ", " ", "\n", "\t", ".", ",", "-", "\u00a0"]


def make(rng: Random) -> str:
    """Mostly some words long; sometimes as long as may be, one thing again and again."""
    if rng.random() < 0.02:
        piece = "".join(_piece(rng) for _ in range(rng.randint(1, 3)))
        return ((piece + rng.choice(_JOINTS)) * LONGEST)[:LONGEST]
    joints = [rng.choice(_JOINTS) for _ in range(rng.randint(1, 30))]
    return "".join(_piece(rng) + joint for joint in joints)[:LONGEST]


def _piece(rng: Random) -> str:
    match rng.randrange(7):
        case 0:
            return _any_character(rng)
        case 1:
            return str(rng.randrange(10 ** rng.randint(1, 40)))
        case 2:
            return "".join(rng.choices("aeioustrnXYZ'", k=rng.randint(1, 12)))
        case 3:
            return "".join(rng.choices("0123456789.,:/-$%#'() apx°", k=rng.randint(1, 12)))
        case 4:
            return "".join(rng.choices(_MIXED, k=rng.randint(2, 8)))
        case _:
            return rng.choice(_PIECES)


def _any_character(rng: Random) -> str:
    """Any that a request can hold: no control characters, no halves of pairs."""
    while True:
        character = chr(rng.randrange(sys.maxunicode + 1))
        if unicodedata.category(character) not in ("Cc", "Cs"):
            return character


def outcome(text: str) -> str:
    """What Kokoro's front end does: `taken`, or the code of the refusal. Raises whatever should not
    have come about."""
    try:
        chunks = analyse(text, "en-us", LIMIT, MOST_SPOKEN)
    except InvalidInput as error:
        return known(error, CODES)
    for chunk in chunks:
        assert 1 <= len(chunk.text) <= LIMIT
        assert 1 <= len(encode(chunk.phonemes)) <= MAX_TOKENS
    return "taken"


def published_outcome(text: str) -> str:
    """The same for the two published models of StyleTTS2."""
    try:
        chunks = [chunk for script in _PUBLISHED for chunk in script.analyse(text, "en-us", LIMIT)]
    except InvalidInput as error:
        return known(error, CODES)
    assert all(2 <= len(chunk.tokens) <= official_text.MAX_TOKENS + 1 for chunk in chunks)
    return "taken"
