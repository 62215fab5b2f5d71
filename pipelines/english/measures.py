"""Amounts with a unit, fractions and bare numbers, as the words in which they are said."""

from __future__ import annotations

import re

from pipelines.english.attributive import COUNTED, is_attributive
from pipelines.english.money import SIGN, SIGNS
from pipelines.english.number_words import NUMBER, Numbers, looks_like_year, plural, unit
from pipelines.english.units import PER_PATTERN, STOPPED, UNIT_PATTERN, UNITS, per, several

_RANGE = rf"(?P<low>{NUMBER})(?:\s?[-–—]\s?(?P<high>{NUMBER}))?"
_UNIT = (
    rf"(?P<space>\s?-?)(?P<unit>{UNIT_PATTERN})"
    rf"(?:{PER_PATTERN}|(?P<stop>\.(?!\w))?(?![\w/²³^])(?<!\.\.))"
)
_SCALE_WORD = r"(?:\s(?P<scale>hundred|thousand|million|billion|trillion|lakh|crore))?"
_BEFORE = r"(?<![\w.,])"
_MEASURE = re.compile(rf"{SIGN}(?<![\d.]){_BEFORE}{_RANGE}{_SCALE_WORD}{_UNIT}")
_BARE = re.compile(rf"{SIGN}(?<![\d.]){_RANGE}")
_MILLIONS = re.compile(
    rf"{_BEFORE}({NUMBER})\s?(k|K|m|M|mn|bn|B|tn)(?=\s(?:[a-z]+\s)?(?:{COUNTED})\b)"
    rf"|{_BEFORE}({NUMBER})(bn|tn|mn|M)(?![\w/])(?=[\s.,;:!?)]|$)"
)
_SCALES = {
    **{"k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million"},
    **{"bn": "billion", "B": "billion", "tn": "trillion"},
}
_THOUSANDS = re.compile(rf"{_BEFORE}[1-9]\d{{0,2}}\.\d{{3}}(?=\s(?:[a-z]+\s)?(?:{COUNTED})\b)")
_DECIMAL_COMMA = re.compile(rf"{_BEFORE}(\d{{1,3}}),(\d{{1,2}})(?=\s?(?:{UNIT_PATTERN})(?![\w/]))")
_COUNT = re.compile(rf"\s(?:[a-z]+\s)?(?:{COUNTED})\b")

_FEET_RANGE = re.compile(r"(?<![\w.])(\d{1,4})'\s?[-–—]\s?(\d{1,4})'(?!\w)")
_FEET_IN = re.compile(r"(?<![\w.])(\d{1,2}) ?ft\.? (\d{1,2}) ?in\b\.?(?! the\b| a\b)")
_FEET_INCHES = re.compile(r"(?<![\w.])(\d{1,2})'\s?(\d{1,2})(?:\"|'')?(?!\w)")
_FEET_BY_FEET = re.compile(
    r"(?<![\w.])(\d{1,4}(?:\.\d+)?)'\s?(?:[xX×]|by)\s?(\d{1,4}(?:\.\d+)?)'(?!\w)"
)
_INCHES = re.compile(r"(?<![\w./])(\d{1,4}(?:\.\d+)?|(?:\d+ )?\d+/\d+)\"(?!\w)")

_FRACTION = re.compile(
    r"(?<![\w/.,])(?:(?P<whole>\d+)\s)?(?P<above>\d{1,3})/(?P<below>\d{1,3})"
    rf"(?:ths|rds|nds|sts|th|rd|nd)?(?:{_UNIT}|(?![\w/]|[.,]\d))"
)
_SCORE = re.compile(r"(?<![\w/.,])(\d+\.\d+)/(10|5|100|20)(?![\w/]|[.,]\d)")
_PARTS = {2: "half", 4: "quarter"}
_LARGEST_PART = 100
"""Largest denominator said as an ordinal: three hundredths."""
_OUT_OF = re.compile(r"\b(?:scor|rat|gave|give|got|grade|mark)\w*\b[^.!?\n]{0,30}$", re.I)
_STARS = re.compile(r"\s(?:stars|points|marks|rating)\b")
_QUOTE = re.compile(r"(\d)?\"")
_HYPHENED = frozenset(["hr", "hrs", "yr", "yrs", "min", "sec", "mo", "wk"])
_METER = re.compile(r"\s(?:time|metre|meter|beat)\b")


def say_marked_lengths(text: str, say: Numbers) -> str:
    """Feet and inches written with quotes: `6'2"`, `12' x 10'`, `5" pipe`."""
    text = _FEET_IN.sub(r"\1 ft \2 inches", _FEET_RANGE.sub(r"\1–\2 ft", text))
    text = _FEET_INCHES.sub(lambda m: unit(say.cardinal(m[1]), "foot", say.cardinal(m[2])), text)
    text = _FEET_BY_FEET.sub(r"\1 ft by \2 ft", text)
    return _INCHES.sub(_inches, text)


def say_fractions(text: str, say: Numbers) -> str:
    """Simple and mixed fractions, with their unit."""
    text = _SCORE.sub(lambda m: unit(say.number(m[1]), "out of", say.cardinal(m[2])), text)
    return _FRACTION.sub(lambda m: _fraction(m, say), text)


def say_measures(text: str, say: Numbers) -> str:
    """Numbers with a unit: `5 km` is `five kilometres`, `a 5 km run` `a five kilometre run`."""
    text = _THOUSANDS.sub(lambda m: m[0].replace(".", ""), text)
    text = _DECIMAL_COMMA.sub(r"\1.\2", text)
    text = _MILLIONS.sub(lambda m: unit(say.number(m[1] or m[3]), _SCALES[m[2] or m[4]]), text)
    return _MEASURE.sub(lambda m: _measure(m, say), text)


def say_numbers(text: str, say: Numbers) -> str:
    """Numbers and ranges of numbers on their own; four digits may be a year."""
    return _BARE.sub(lambda m: _bare(m, say), text)


def _inches(match: re.Match[str]) -> str:
    """A closing quotation mark is none, where one was opened before it."""
    line = match.string.rfind("\n", 0, match.start()) + 1
    return (
        match[0]
        if _is_open(match.string[line : match.start()])
        else f"{match[1]} inch{_plural_mark(match)}"
    )


def _is_open(before: str) -> bool:
    """Whether a quotation is open: behind a digit a mark closes one, or else it means inches."""
    opened = False
    for mark in _QUOTE.finditer(before):
        opened = not opened and not mark[1]
    return opened


def _plural_mark(match: re.Match[str]) -> str:
    attributive = is_attributive(match.string, match.start(), match.end())
    noun = re.match(r"\s[a-z]+", match.string[match.end() :])
    return "" if attributive or noun or match[1] == "1" else "es"


def _fraction(match: re.Match[str], say: Numbers) -> str:
    whole, above, below = match["whole"], match["above"], match["below"]
    numerator, denominator = int(above), int(below)
    context = match.string[max(0, match.start() - 40) : match.start()]
    if not match["unit"] and not whole:
        scored = _OUT_OF.search(context) or _STARS.match(match.string, match.end())
        if denominator in (5, 10, 20, 100) and (
            numerator == denominator or (numerator < denominator and scored)
        ):
            return unit(say.cardinal(above), "out of", say.cardinal(below))
        if _METER.match(match.string, match.end()) or numerator == denominator:
            return unit(say.cardinal(above), say.cardinal(below))
    if not (0 < numerator < denominator <= _LARGEST_PART):
        words = [
            say.number(whole) if whole else "",
            say.cardinal(above),
            "over",
            say.cardinal(below),
        ]
        return unit(*words, *_after_fraction(match, one=False))
    part = _PARTS.get(denominator) or say.ordinal(below)
    if numerator == 1:
        words = [say.number(whole), "and a", part] if whole else ["one", part]
    else:
        names = "halves" if part == "half" else plural(part)
        words = [*([say.number(whole), "and"] if whole else []), say.cardinal(above), names]
    return unit(*words, *_after_fraction(match, one=not whole))


def _after_fraction(match: re.Match[str], *, one: bool) -> list[str]:
    if not match["unit"]:
        return []
    name = UNITS[match["unit"]]
    one = one or is_attributive(match.string, match.start(), match.end())
    rate = per(match["per"]) if match["per"] else ""
    return [name if one else several(name), rate, *_stop(match)]


def _measure(match: re.Match[str], say: Numbers) -> str:
    low, high, symbol = match["low"], match["high"], match["unit"]
    if match["space"] == "-" or match["space"] == " -":
        noun = re.match(r"[\s-][A-Za-z]", match.string[match.end() :])
        if not noun and symbol not in _HYPHENED:
            return match[0]
        attributive = True
    else:
        attributive = is_attributive(match.string, match.start(), match.end())
    name = UNITS[symbol]
    one = attributive or (low == "1" and not high and not match["scale"])
    rate = per(match["per"]) if match["per"] else ""
    words = [_sign(match), _range(low, high, say), match["scale"] or ""]
    return unit(*words, name if one else several(name), rate) + "".join(_stop(match))


def _stop(match: re.Match[str]) -> list[str]:
    """The full stop after a symbol, unless it only marks an abbreviation."""
    if not match["stop"]:
        return []
    rest = match.string[match.end() :]
    ends = not rest.strip() or re.match(r"\s+[\"'(]?[A-Z]|\s*\n", rest)
    return ["."] if match["unit"] not in STOPPED or match["per"] or ends else []


def _bare(match: re.Match[str], say: Numbers) -> str:
    low, high = match["low"], match["high"]
    counted = bool(_COUNT.match(match.string, match.end()))
    words = [say.number(low) if match["sign"] or counted else _year_or_number(low, say)]
    if high:
        words += ["to", say.number(high) if counted else _year_or_number(high, say)]
    return unit(_sign(match), *words)


def _year_or_number(written: str, say: Numbers) -> str:
    return say.year(written) if looks_like_year(written) else say.number(written)


def _range(low: str, high: str | None, say: Numbers) -> str:
    return unit(say.number(low), "to", say.number(high)) if high else say.number(low)


def _sign(match: re.Match[str]) -> str:
    return SIGNS[match["sign"].strip()] if match["sign"] else ""
