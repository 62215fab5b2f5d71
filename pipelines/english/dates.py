"""Dates and times of day, as the words in which they are said."""

from __future__ import annotations

import re

from pipelines.english.number_words import cardinal, ordinal, plural, unit, year

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MONTH_OF = {month[:3]: month for month in _MONTHS}

_MONTH = "|".join(f"{m[:3]}(?:{m[3:]})?" for m in _MONTHS if m != "May") + "|Sept|May"
_DAY = r"(0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"

_ISO_DATE = re.compile(r"(?<![\w-])(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?![\w-])")
_SLASH_DATE = re.compile(r"(?<![\w/])(\d{1,2})/(\d{1,2})/(\d{4})(?![\w/])")
_MONTH_DAY = re.compile(rf"\b({_MONTH})\b\.?\s{_DAY}\b(?![:/.,-]\d)(?:,?\s(\d{{4}})\b(?![:.,]\d))?")
_DAY_MONTH = re.compile(
    rf"(?<![\w.,:/-])(?:[Tt]he\s)?{_DAY}\s(?:of\s)?({_MONTH})\b\.?(?:,?\s(\d{{4}})\b(?![:.,]\d))?"
)
_DECADE = re.compile(r"(?<![\w.,])'?(\d{1,3}0)'?s\b")
_CLOCK = re.compile(
    r"(?<![\w:.])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?:\s?(am|pm|AM|PM)\b)?(?![\w:])"
)
_TIME_RANGE = re.compile(
    r"((?<![\w.,])\d{1,2}(?::\d\d)?(?:\s?(?:am|pm|AM|PM))?)\s?[-–]\s?"
    r"(?=\d{1,2}(?::\d\d|\s?(?:am|pm|AM|PM)\b))"
)
_HOUR = re.compile(r"(?<![\w:.])(1[0-2]|[1-9])\s?(am|pm|AM|PM)\b")


def say_dates(text: str, language: str) -> str:
    """Dates and decades in words; `3/4/2024` is March in `en-us` and April elsewhere."""

    def slashed(match: re.Match[str]) -> str:
        month, day = match[1], match[2]
        if language != "en-us":
            month, day = day, month
        if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
            return match[0]
        return _date(_MONTHS[int(month) - 1], day, match[3])

    text = _ISO_DATE.sub(lambda m: _date(_MONTHS[int(m[2]) - 1], m[3], m[1]), text)
    text = _SLASH_DATE.sub(slashed, text)
    text = _DAY_MONTH.sub(lambda m: "the " + _date(_month(m[2]), m[1], m[3], day_first=True), text)
    text = _MONTH_DAY.sub(lambda m: _date(_month(m[1]), m[2], m[3]), text)
    return _DECADE.sub(lambda m: plural(year(m[1])), text)


def say_times(text: str) -> str:
    """Times of day in words: `3:05pm` is `three oh five PM`."""
    text = _CLOCK.sub(_clock, _TIME_RANGE.sub(r"\1 to ", text))
    return _HOUR.sub(lambda m: unit(cardinal(m[1]), m[2].upper()), text)


def _month(written: str) -> str:
    return _MONTH_OF[written[:3]]


def _date(month: str, day: str, written_year: str | None, *, day_first: bool = False) -> str:
    nth = ordinal(day)
    words = unit(nth, "of", month) if day_first else unit(month, nth)
    return f"{words}, {year(written_year)}" if written_year else words


def _clock(match: re.Match[str]) -> str:
    hour, minute, second, half = match.groups()
    words = [cardinal(hour.removeprefix("0") or "0")]
    if minute != "00":
        words += ["oh"] * (minute[0] == "0") + [cardinal(str(int(minute)))]
    elif not half:
        words.append("o'clock" if 1 <= int(hour) <= 12 else "hundred")
    if second:
        words += ["and", cardinal(str(int(second))), "seconds"]
    return unit(*words, (half or "").upper())
