"""Money, measures, fractions, ranges and codes, as the words in which they are said.

`say_quantities` leaves no digit in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipelines.english.number_words import (
    NUMBER,
    cardinal,
    digits,
    looks_like_year,
    number,
    ordinal,
    plural,
    unit,
    year,
)

_CURRENCIES = {
    "$": ("dollar", "cent"),
    "US$": ("US dollar", "cent"),
    "£": ("pound", "penny"),
    "€": ("euro", "cent"),
    "¥": ("yen", ""),
    "₩": ("won", ""),
    "₹": ("rupee", ""),
    "₽": ("rouble", ""),
    "₿": ("bitcoin", ""),
    "¢": ("cent", ""),
}
_SCALES = {"k": "thousand", "K": "thousand", "m": "million", "M": "million", "bn": "billion"}
_SCALE_WORDS = ("thousand", "million", "billion", "trillion")
_SIGNS = {"-": "minus", "+": "plus", "±": "plus or minus", "~": "about"}
_UNITS = {
    **{"mm": "millimetre", "cm": "centimetre", "m": "metre", "km": "kilometre", "nm": "nanometre"},
    **{"μm": "micrometre", "ft": "foot", "mi": "mile", "px": "pixel"},
    **{"mg": "milligram", "μg": "microgram", "g": "gram", "kg": "kilogram"},
    **{"lb": "pound", "lbs": "pound", "oz": "ounce"},
    **{"ml": "millilitre", "mL": "millilitre", "cl": "centilitre", "l": "litre", "L": "litre"},
    **{"ms": "millisecond", "μs": "microsecond", "s": "second", "sec": "second", "secs": "second"},
    **{"min": "minute", "mins": "minute", "h": "hour", "hr": "hour", "hrs": "hour"},
    **{"Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "dB": "decibel"},
    **{"kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte"},
    **{"W": "watt", "kW": "kilowatt", "MW": "megawatt", "kWh": "kilowatt hour", "V": "volt"},
    **{"mph": "mile per hour", "km/h": "kilometre per hour", "kph": "kilometre per hour"},
    **{"m/s": "metre per second", "kcal": "kilocalorie"},
    **{"°": "degree", "°C": "degree Celsius", "°F": "degree Fahrenheit"},
    **{"%": "percent", "‰": "per mille"},
}
_PLURALS = {
    **{"foot": "feet", "penny": "pence"},
    **{same: same for same in ("percent", "per mille", "yen", "won")},
    **{same: same for same in ("bitcoin", "hertz", "kilohertz", "megahertz", "gigahertz")},
}
_IDIOMS = {"24/7": "twenty-four seven", "9/11": "nine eleven", "50/50": "fifty fifty"}
_PARTS = {2: "half", 4: "quarter"}
_LARGEST_PART = 100
"""Largest denominator said as an ordinal: three hundredths."""


def _either(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_CURRENCY = _either(_CURRENCIES)
_SIGN = r"(?:(?<![\w.)])(?P<sign>-|[+±~]\s?))?"
_RANGE = rf"(?P<low>{NUMBER})(?:\s?[-–]\s?(?:{_CURRENCY})?(?P<high>{NUMBER}))?"
_SCALE = rf"(?:\s?(?P<scale>{_either((*_SCALE_WORDS, *_SCALES))})\b)?"

_PHONE = re.compile(
    r"(?<![\w.,/-])(?:\+\d{1,3}(?:[ -]?\(?\d{1,4}\)?){2,5}"
    r"|(?:\(\d{3}\)\s?|\d{3}[-.])?\d{3}[-.]\d{4}"
    r"|\d{5}-\d{4}|\d+(?:-\d+){2,})(?![\w-])"
)
_DOTTED = re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}")
_HEIGHT = re.compile(r"(?<![\w.])(\d{1,2})'\s?(\d{1,2})(?:\"|'')?(?!\w)")
_ORDINAL = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3})+|\d{1,15})(?:st|nd|rd|th)\b")
_FRACTION = re.compile(r"(?<![\w/.,])(?:(\d+)\s)?(\d{1,3})/(\d{1,3})(?![\w/]|[.,]\d)")
_RATIO = re.compile(r"(?<![\w:.])(\d{1,4}):(\d{1,4})(?![\w:])")
_TIMES = re.compile(r"(?<=\d)\s?[×*]\s?(?=\d)")
_DIGIT_AFTER_LETTER = re.compile(r"(?<=[^\W\d_])(?=\d)")
_UNIT_RANGE = re.compile(rf"(?<=\d)(\s?({_either(_UNITS)}))\s?[-–]\s?(?={NUMBER}\s?\2(?![\w/]))")
_LETTER_AFTER_DIGIT = re.compile(r"(?<=\d)(?=[^\W\d_])")
_SIGN_AFTER_CURRENCY = re.compile(rf"(?<!\w)({_CURRENCY})-(?=\.?\d)")
_MONEY = re.compile(rf"{_SIGN}(?P<symbol>{_CURRENCY})\s?{_RANGE}{_SCALE}")
_MONEY_AFTER = re.compile(rf"{_SIGN}(?<![\d.]){_RANGE}{_SCALE}\s?(?P<symbol>[€£¥₩₹₽₿¢])(?!\w)")
_MEASURE = re.compile(rf"{_SIGN}(?<![\d.]){_RANGE}(?:\s?(?P<unit>{_either(_UNITS)})(?![\w/]))?")
_DIGITS = re.compile(r"\d+")


def say_quantities(text: str) -> str:
    """Everything with digits in words; dates and times must have been said already."""
    text = _DIGIT_AFTER_LETTER.sub(" ", text)
    text = _PHONE.sub(lambda m: _codes(m[0]), text)
    text = _DOTTED.sub(lambda m: unit(*_join(map(number, m[0].split(".")), "point")), text)
    text = _HEIGHT.sub(lambda m: unit(cardinal(m[1]), "foot", cardinal(m[2])), text)
    text = _ORDINAL.sub(lambda m: ordinal(m[1]), text)
    text = _FRACTION.sub(_fraction, text)
    text = _RATIO.sub(lambda m: unit(cardinal(m[1]), "to", cardinal(m[2])), text)
    text = _TIMES.sub(" times ", text)
    text = _UNIT_RANGE.sub(r"\1 to ", text)
    text = _LETTER_AFTER_DIGIT.sub(" ", text)
    text = _SIGN_AFTER_CURRENCY.sub(r"-\1", text)
    text = _MONEY.sub(_money, text)
    text = _MONEY_AFTER.sub(_money, text)
    text = _MEASURE.sub(_measure, text)
    return _DIGITS.sub(lambda m: f" {cardinal(m[0])} ", text)


def _codes(written: str) -> str:
    """`555-0199` digit by digit, with a pause at each mark."""
    plus = "plus " if written.startswith("+") else ""
    return plus + ", ".join(digits(group) for group in re.findall(r"\d+", written))


def _join(words: Iterable[str], between: str) -> list[str]:
    joined: list[str] = []
    for word in words:
        joined += [between, word] if joined else [word]
    return joined


def _fraction(match: re.Match[str]) -> str:
    whole, above, below = match.groups()
    if not whole and (idiom := _IDIOMS.get(match[0])):
        return unit(idiom)
    numerator, denominator = int(above), int(below)
    if not (0 < numerator < denominator <= _LARGEST_PART):
        return unit(number(whole) if whole else "", cardinal(above), "over", cardinal(below))
    part = _PARTS.get(denominator) or ordinal(below)
    if numerator == 1:
        return unit(number(whole), "and a", part) if whole else unit("one", part)
    several = "halves" if part == "half" else plural(part)
    return unit(*([number(whole), "and"] if whole else []), cardinal(above), several)


def _money(match: re.Match[str]) -> str:
    low, high, scale = match["low"], match["high"], match["scale"]
    name, hundredth = _CURRENCIES[match["symbol"]]
    if high or scale or not hundredth or not re.fullmatch(r"[\d,]+\.\d\d", low):
        scale_word = _SCALES.get(scale, scale) if scale else ""
        alone = low == "1" and not high and not scale
        return unit(_sign(match), _range(low, high), scale_word, name if alone else _plural(name))
    whole, cents = low.split(".")
    words = [number(whole), name if whole == "1" else _plural(name)]
    if cents != "00":
        small = hundredth if cents == "01" else _plural(hundredth)
        words += ["and", cardinal(str(int(cents))), small]
    return unit(_sign(match), *words)


def _measure(match: re.Match[str]) -> str:
    low, high, symbol = match["low"], match["high"], match["unit"]
    if not symbol:
        bare = number if match["sign"] else _bare
        return unit(_sign(match), bare(low), *(["to", _bare(high)] if high else []))
    name = _UNITS[symbol]
    alone = low == "1" and not high
    return unit(_sign(match), _range(low, high), name if alone else _plural(name))


def _sign(match: re.Match[str]) -> str:
    return _SIGNS[match["sign"].strip()] if match["sign"] else ""


def _bare(written: str) -> str:
    return year(written) if looks_like_year(written) else number(written)


def _range(low: str, high: str | None) -> str:
    return unit(number(low), "to", number(high)) if high else number(low)


def _plural(name: str) -> str:
    """`mile per hour` as `miles per hour`, `pound` as `pounds`."""
    head, per, rest = name.partition(" per ")
    if head.startswith("degree"):
        head = head.replace("degree", "degrees", 1)
    else:
        head = _PLURALS.get(head) or plural(head)
    return head + per + rest
