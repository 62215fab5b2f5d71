"""Numbers read back from words: what a listener would write down."""

from __future__ import annotations

import re
from decimal import Decimal

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL = {word: value for value, word in enumerate(_ONES)} | {
    word: 20 + 10 * place for place, word in enumerate(_TENS)
}
_SCALES = {
    "thousand": 10**3,
    "lakh": 10**5,
    "million": 10**6,
    "crore": 10**7,
    "billion": 10**9,
    "trillion": 10**12,
}
_POWER = ["times", "ten", "to", "the", "power", "of"]


def heard(text: str) -> list[Decimal]:
    """The numbers in `text`, in order; ordinals and fractions are not among them."""
    words = re.findall(r"[a-z]+", text.lower().replace("-", " "))
    numbers: list[Decimal] = []
    place = 0
    while place < len(words):
        value, after = _number(words, place)
        if value is None:
            place += 1
        else:
            numbers.append(value)
            place = after
    return numbers


def _number(words: list[str], place: int) -> tuple[Decimal | None, int]:
    sign = -1 if words[place] == "minus" else 1
    place += sign < 0
    whole, after = _whole(words, place)
    if whole is None and words[place : place + 1] != ["point"]:
        return None, place
    text = whole or "0"
    if words[after : after + 1] == ["point"] and words[after + 1 : after + 2] != []:
        decimals, end = _digits(words, after + 1)
        if decimals:
            text, after = f"{text}.{decimals}", end
    value = sign * Decimal(text)
    if words[after : after + len(_POWER)] == _POWER:
        exponent, end = _number(words, after + len(_POWER))
        if exponent is not None:
            return value * Decimal(10) ** exponent, end
    return value, after


def _digits(words: list[str], place: int) -> tuple[str, int]:
    found = ""
    while place < len(words) and words[place] in _ONES[:10]:
        found += str(_SMALL[words[place]])
        place += 1
    return found, place


def _whole(words: list[str], place: int) -> tuple[str | None, int]:
    """Digits one by one, or a cardinal, or a year in two halves."""
    digits, end = _digits(words, place)
    if len(digits) > 1:
        return digits, end
    total, group, begun = 0, 0, False
    while place < len(words):
        word = words[place]
        if word in _SMALL:
            value = _SMALL[word]
            if begun and group and not _fits(group, value):
                if 10 <= group < 100 and value >= 10 and not total:
                    rest, place = _tail(words, place)
                    return str(group * 100 + rest), place
                break
            group += value
        elif word == "oh" and begun and 10 <= group < 100:
            return str(group * 100 + _SMALL[words[place + 1]]), place + 2
        elif word == "hundred" and begun:
            group *= 100
        elif word in _SCALES and begun:
            total, group = total + group * _SCALES[word], 0
        elif not (
            word == "and" and begun and words[place + 1 : place + 2] and _goes_on(words, place)
        ):
            break
        begun = True
        place += 1
    return (str(total + group), place) if begun else (None, place)


def _fits(group: int, value: int) -> bool:
    """Whether `value` goes on with the group: twenty three, two hundred three."""
    if group % 100 == 0:
        return True
    return group % 100 >= 20 and group % 10 == 0 and 0 < value < 10


def _tail(words: list[str], place: int) -> tuple[int, int]:
    value = _SMALL[words[place]]
    following = words[place + 1] if place + 1 < len(words) else ""
    if value >= 20 and following in _ONES[1:10]:
        return value + _SMALL[following], place + 2
    return value, place + 1


def _goes_on(words: list[str], place: int) -> bool:
    """Whether an `and` stands inside a number: after a hundred or a scale."""
    before = words[place - 1]
    return (before == "hundred" or before in _SCALES) and words[place + 1] in _SMALL
