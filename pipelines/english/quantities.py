"""Everything with digits, as the words in which it is said.

The order matters: what has more marks to tell it by is said first, and `say_quantities` leaves no
digit in the text. Dates and times must have been said already.
"""

from __future__ import annotations

import re

from pipelines.english.codes import say_codes
from pipelines.english.maths import say_dimensions, say_operations, say_ratios
from pipelines.english.measures import (
    say_fractions,
    say_marked_lengths,
    say_measures,
    say_numbers,
)
from pipelines.english.money import plain_amounts, say_money
from pipelines.english.number_words import Numbers, unit
from pipelines.english.units import UNIT_PATTERN, UNITS, say_bare_rates, several

_IDIOMS = {
    "24/7/365": "twenty-four seven three sixty-five",
    "24/7": "twenty-four seven",
    "9/11": "nine eleven",
    "7/11": "seven eleven",
    "50/50": "fifty fifty",
    "20/20": "twenty twenty",
}
_IDIOM = re.compile(rf"(?<![\w/.,-])({'|'.join(_IDIOMS)})(?![\w/]|[.,]\d)")
_ORDINAL = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3})+|\d{1,15})(?:st|nd|rd|th)\b")
_NUMERONYM = re.compile(r"\b([a-z])(\d{1,2})([a-z])\b")
_UNIT_POWER = re.compile(r"((?:\d\s?|/)(?:km|cm|mm|dm|nm|m|ft|in|mi|yd|s))\^([23])(?!\d)")
_POWERS = {"2": "²", "3": "³"}
_POWER_OF_UNIT = re.compile(rf"(10\^[-+]?\d+)\s({UNIT_PATTERN})(?![\w/])")
_DIGIT_AFTER_LETTER = re.compile(r"(?<=[^\W\d_])(?=\d)")
_LETTER_AFTER_DIGIT = re.compile(r"(?<=\d)(?=[^\W\d_])")
_UNIT_RANGE = re.compile(rf"(?<=\d)(\s?({UNIT_PATTERN}))\s?[-–]\s?(?=\d+(?:\.\d+)?\s?\2(?![\w/]))")
_DIGITS = re.compile(r"\d+")


def say_quantities(text: str, say: Numbers) -> str:
    """Everything with digits in words."""
    text = _IDIOM.sub(lambda m: unit(_IDIOMS[m[1]]), text)
    text = _NUMERONYM.sub(lambda m: f"{m[1]} {say.cardinal(m[2])} {m[3].upper()}", text)
    text = _UNIT_POWER.sub(lambda m: m[1] + _POWERS[m[2]], text)
    text = _POWER_OF_UNIT.sub(lambda m: f"{m[1]} {several(UNITS[m[2]])}", text)
    text = say_operations(plain_amounts(text), say)
    text = say_codes(text, say)
    text = say_dimensions(text)
    text = say_marked_lengths(text, say)
    text = _ORDINAL.sub(lambda m: say.ordinal(m[1]), text)
    text = say_fractions(text, say)
    text = say_money(text, say)
    text = say_ratios(text, say)
    text = say_bare_rates(text)
    text = say_measures(_UNIT_RANGE.sub(r"\1 to ", text), say)
    text = _LETTER_AFTER_DIGIT.sub(" ", _DIGIT_AFTER_LETTER.sub(" ", text))
    text = say_numbers(text, say)
    return _DIGITS.sub(lambda m: f" {say.cardinal(m[0])} ", text)
