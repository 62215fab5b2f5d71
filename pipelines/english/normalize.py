"""Text as written, to text as it is said.

The result holds words, no digits, single spaces and only the punctuation that Kokoro knows
(`; : , . ! ? — … “ ” ( )`), plus apostrophes and hyphens inside words. `NO_BREAK` spaces join the
words of one spoken unit. What espeak-ng reads well (plurals, contractions, most initialisms, the
names of mathematical signs) is left to it.
"""

from __future__ import annotations

import re
import unicodedata

from pipelines.english.abbreviations import say_abbreviations
from pipelines.english.addresses import say_addresses
from pipelines.english.characters import NO_BREAK, clean, drop_marks
from pipelines.english.codes import say_books
from pipelines.english.dates import say_dates
from pipelines.english.games import say_games
from pipelines.english.layout import lay_out
from pipelines.english.marks import PAUSES, is_mark, without_pauses
from pipelines.english.notation import say_notation, say_signs_of_fields
from pipelines.english.number_words import numbers_of
from pipelines.english.quantities import say_quantities
from pipelines.english.roman import say_roman_numerals
from pipelines.english.stretched import unstretch
from pipelines.english.symbols_said import drop_drawings, say_slashed, say_symbols
from pipelines.english.times import say_durations, say_times

_PUNCTUATION = frozenset(";:,.!?—…“”()")
_DECORATION = re.compile(r"([^\w\s.,;:!?'\"()\ue000-\uf8ff-])\1{2,}")
_ELLIPSIS = re.compile(r"\.\s?\.[\s.]*\.|\.{2,}")
_DASH = re.compile(r"\s*(?:—+|--+|(?<=\s)[-–]+(?=\s)|(?<=[^\W\d])–(?=[^\W\d]))\s*")
_INNER_STOP = re.compile(r"(?<=[^\W_])\.(?=[a-z])")
_MISSING_SPACE = re.compile(r"([,;!?…]|(?<=[^\W\d_])[.:])(?=[^\W\d_])")
_OPENING_QUOTE = re.compile(r'(^|[\s(—“])"(?=\S)')
_SINGLE_QUOTE = re.compile(r"(?<!\w)'(?!(?i:tis|twas|em|cause|til|n)\b)|(?<!s)'(?!\w)|'(?!\s?\w)")
_LOOSE_HYPHEN = re.compile(r"(?<!\w)-+|-+(?!\w)")
_REPEATED = re.compile(r"([,;:!?.…—])(?:\s*[,;:!?.…—])+")
_SPACE_BEFORE = re.compile(r"\s+(?=[,;:.!?…”)])")
_SPACE_BEFORE_UNIT = re.compile(rf" +(?={NO_BREAK})")
_SPACE_AFTER_OPENING = re.compile(r"(?<=[(“])\s+")
_EMPTY_BRACKETS = re.compile(r"\([\s,;:.!?…—-]*\)|“[\s,;:.!?…—-]*”")
_LEADING = re.compile(rf"(?:^|(?<=[{PAUSES}]))[\s,;:.!?…—)”-]+")
_SPACES = re.compile(rf"[^\S{NO_BREAK}]+")
_STRENGTH = "?!….;:,—"
"""Marks from the strongest: of several in a row the strongest is kept."""


_POWER = re.compile(r"(?<=[\d)])\s?\*\*\s?(?=[-+]?\d)")
"""As programs write it: `10**6`."""


def normalize(text: str, language: str) -> str:
    """The text as it is said, in the English of `language` (`en-us` or `en-gb`).

    Empty when nothing of it can be said. Words of other scripts are kept as they are.
    """
    return without_pauses(read_out(drop_marks(text), language))


def read_out(text: str, language: str) -> str:
    """As `normalize`, but with the marks of pauses, paragraphs and given pronunciations kept."""
    say = numbers_of(language)
    text = say_addresses(clean(say_signs_of_fields(_POWER.sub("^", text))))
    text = unstretch(text)
    text = lay_out(_DECORATION.sub(" ", drop_drawings(text)))
    text = say_notation(say_games(say_books(text), say), say)
    text = say_abbreviations(say_slashed(text))
    text = say_roman_numerals(text, say)
    text = say_durations(text, say)
    text = say_times(say_dates(text, language, say), say)
    text = say_quantities(text, say)
    return _tidy(say_symbols(text))


def _tidy(text: str) -> str:
    """Punctuation in Kokoro's own marks, each once and where it belongs."""
    text = _ELLIPSIS.sub("…", text)
    text = _DASH.sub(f"{NO_BREAK}— ", text)
    text = _INNER_STOP.sub(" dot ", text)
    text = _OPENING_QUOTE.sub(r"\1“", text).replace('"', "”")
    text = _SINGLE_QUOTE.sub(" ", text)
    text = "".join(c if _is_kept(c) else " " for c in text)
    text = _SPACES.sub(" ", _LOOSE_HYPHEN.sub(" ", text))
    text = _EMPTY_BRACKETS.sub(" ", text)
    text = _REPEATED.sub(_strongest, text)
    text = _MISSING_SPACE.sub(r"\1 ", _SPACE_BEFORE.sub("", text))
    text = _SPACE_AFTER_OPENING.sub("", text)
    text = _SPACE_BEFORE_UNIT.sub("", text)
    return _SPACES.sub(" ", _LEADING.sub("", text)).strip()


def _is_kept(character: str) -> bool:
    """Letters, marks, spaces, known punctuation, and the signs whose names espeak says."""
    if character in _PUNCTUATION or character in " '-\u00a0" or is_mark(character):
        return True
    category = unicodedata.category(character)
    return category[0] in "LM" or (category == "Sm" and character not in "~|")


def _strongest(match: re.Match[str]) -> str:
    return min((mark for mark in match[0] if mark in _STRENGTH), key=_STRENGTH.index)
