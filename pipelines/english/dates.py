"""Dates and days, as the words in which they are said."""

from __future__ import annotations

import re

from pipelines.english.characters import NO_BREAK
from pipelines.english.number_words import Numbers, plural, unit

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MONTH_OF = {month[:3]: month for month in _MONTHS}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY_OF = {day[:3]: day for day in _DAYS}

_MONTH = "|".join(f"{m[:3]}(?:{m[3:]})?" for m in _MONTHS if m != "May") + "|Sept|May"
_DAY = r"(0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_DOT = r"(?:\.(?=,?\s[a-z\d(]|,))?"
"""The full stop of a short form, unless it may end the sentence too."""
_YEAR = r"(?:,?\s(\d{4})\b(?![:.,]\d))?"

_ISO_TIME = r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?\s?(Z|UTC|[+-]\d\d(?::?\d\d)?)?)?"
_ISO = re.compile(
    rf"(?<![\w/.-])(\d{{4}})([-/.])(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?![\d/-]|\.\d)"
    rf"{_ISO_TIME}(?!\w)"
)
_NUMERIC = re.compile(r"(?<![\w/.-])(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?![\w/-]|\.\d)")
_SHORT_CONTEXT = re.compile(
    r"\b(?:on|by|until|till|since|before|after|from|dated?|due|of|between|and|to|is|was|for|"
    r"starting|ending|(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tue|wed|thu|fri|sat|sun)"
    r"(?:\s+the)?[.,:]?\s$",
    re.I,
)
_CERTAIN = re.compile(
    r"\b(?:on|dated?|due|until|till|since|from|by)[:,]?\s$|day,?\s$|\d+/\d+ (?:to|through) $", re.I
)
_TO_DATE = re.compile(r"\s?(?:to|through|until|-|–)\s?\d{1,2}/\d{1,2}(?!/?\d)")
_TIME_NEAR = re.compile(r"^,?\s(?:at\s|@\s?)?\d{1,2}(?::\d\d|\s?[ap]\.?m)", re.I)
_SHORT = re.compile(r"(?<![\w/.,-])(?<!\d )(\d{1,2})/(\d{1,2})(?![\w/\"%-]|[.,]\d)")
_FRACTION_CONTEXT = re.compile(
    r"^\s(?:of|cups?|miles?|inch(?:es)?|inches|tea|table|tsp|tbsp|lb|oz|pounds?|gallons?|acres?|"
    r"hours?|majority|time|meter|metre|pint|way|full|scale|share|turn)\b"
)
_USUAL_PARTS = frozenset([2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20, 32])
_DAY_NAMED = re.compile(rf"(?<![\w/.-])(\d{{1,2}})-({_MONTH})-(\d{{4}}|\d\d)(?![\w-])")
_NAMED_DAY = re.compile(rf"\b({_MONTH})-(\d{{1,2}})(?:-(\d{{4}}))?(?![\w-])")
_MONTH_DAY = re.compile(rf"\b({_MONTH})\b\.?\s{_DAY}\b(?![:/.,-]\d|\s?(?:am|pm|AM|PM|%)\b){_YEAR}")
_MONTH_DAYS = re.compile(rf"\b({_MONTH})\b\.?\s{_DAY}\s?[-–]\s?{_DAY}\b(?![:/.,-]\d){_YEAR}")
_DAY_MONTH = re.compile(
    rf"(?<![\w.,:/$£€-])(?:[Tt]he\s)?{_DAY}\s(?:of\s)?({_MONTH})\b{_DOT}(?!\s\d{{1,2}}\b){_YEAR}"
)
_DAYS_MONTH = re.compile(
    rf"(?<![\w.,:/$£€-]){_DAY}\s?[-–/]\s?{_DAY}\s(?:of\s)?({_MONTH})\b{_DOT}{_YEAR}"
)
_MONTH_YEAR = re.compile(rf"\b({_MONTH})\b\.?,?\s((?:1[1-9]|20)\d\d)\b(?![:.,]\d)")
_MONTH_RANGE = re.compile(rf"\b({_MONTH})\b\.?\s?(?:-|–|/| to )\s?({_MONTH})\b(?!\w)")
_SPAN = re.compile(
    rf"(?:(?<=\d [A-Z][a-z]{{2}})|(?<=[a-z] \d)|(?<=[a-z] \d\d)|(?<=[a-z]{{3}}))\s?[–-]\s?"
    rf"(?={_DAY}\s(?:{_MONTH})\b|(?:{_MONTH})\s{_DAY}\b)"
)
"""Between two days of two months."""
_QUARTER_YEAR = re.compile(r"(?<=\b[QHqh][1-4])'(\d\d)(?![\w'])")
_DECADE = re.compile(r"(?<![\w.,])'?(\d{1,3}0)'?s\b")
_YEARS = re.compile(r"(?<![\w.,/$£€-])((?:1[1-9]|20)\d)(\d)\s?[-–/]\s?(\d\d)(?![\w/-]|[.,:]\d)")
_TWO_YEARS = re.compile(
    r"(?<![\w.,/$£€-])((?:1[1-9]|20)\d\d)/((?:1[1-9]|20)\d\d)(?![\w/-]|[.,:]\d)"
)
_SHORT_YEAR = re.compile(r"(?<!\w)'(\d\d)(?![\w'\"])")
_CENTURY_BASE = {True: "20", False: "19"}
_PIVOT = 50

_DAY_NAME = "Mon|Tues|Tue|Weds|Wed|Thurs|Thur|Thu|Fri|Sat|Sun"
_FULL_DAY = rf"(?:{_DAY_NAME})(?:day|sday|nesday|rsday|urday)?"
_DAY_RANGE = re.compile(
    rf"\b({_DAY_NAME})\.?\s?(?:-|–|—|/| to | thru | through )\s?({_DAY_NAME})\b{_DOT}(?!\w)"
)
_DAY_LIST = re.compile(
    rf"\b(?:{_DAY_NAME})\b\.?(?:(?:\s?,\s?(?:and\s|or\s|&\s)?|\sand\s|\sor\s|\s?&\s?|\s?/\s?)"
    rf"(?:{_DAY_NAME})\b{_DOT}(?![\w']))+"
)
_DAY_DATE = re.compile(
    rf"\b({_DAY_NAME})\b\.?(?=,?\s(?:\d|(?:{_MONTH})\b|noon|morning|evening|night|afternoon|"
    r"at \d|the \d))"
)
_SURE_DAY = re.compile(
    r"\b(Mon|Tues|Tue|Weds|Thurs|Thur|Thu|Fri)\b(?:\.(?=\s[a-z\d(]|,))?(?!['-]\w)"
)
_NAME = re.compile(rf"(?:{_DAY_NAME})\b")


def say_dates(text: str, language: str, say: Numbers) -> str:
    """Dates, days and decades in words. `3/4/2024` is March in `en-us` and April elsewhere."""
    american = language == "en-us"

    def date(month: int | str, day: str, year: str | None) -> str:
        name = month if isinstance(month, str) else _MONTHS[month - 1]
        said_year = f",{NO_BREAK}{_said_year(year, say)}" if year else ""
        if american:
            return unit(name, say.ordinal(day)) + said_year
        return unit("the", say.ordinal(day), "of", name) + said_year

    def numeric(match: re.Match[str]) -> str:
        if match[2] != "/" and len(match[4]) == 2:
            return match[0]
        found = _month_and_day(match[1], match[3], american)
        return date(*found, match[4]) if found else match[0]

    def short(match: re.Match[str]) -> str:
        found = _month_and_day(match[1], match[2], american)
        return date(*found, None) if found and _is_date(match) else match[0]

    text = _SPAN.sub(" to ", _QUARTER_YEAR.sub(lambda m: f" {say.short_year(m[1])}", text))
    text = _say_days(text)
    text = _ISO.sub(lambda m: date(int(m[3]), m[4], m[1]) + _iso_time(m, say), text)
    text = _NUMERIC.sub(numeric, text)
    text = _DAYS_MONTH.sub(lambda m: _days(_month(m[3]), m[1], m[2], m[4], say, False), text)
    text = _SHORT.sub(short, text)
    text = _DAY_NAMED.sub(lambda m: date(_month(m[2]), m[1], m[3]), text)
    text = _NAMED_DAY.sub(lambda m: date(_month(m[1]), m[2], m[3]), text)
    text = _DAY_MONTH.sub(lambda m: _day_first(_month(m[2]), m[1], m[3], say), text)
    text = _MONTH_DAYS.sub(lambda m: _days(_month(m[1]), m[2], m[3], m[4], say, True), text)
    text = _MONTH_DAY.sub(lambda m: _month_first(_month(m[1]), m[2], m[3], say), text)
    text = _MONTH_RANGE.sub(lambda m: f"{_month(m[1])} to {_month(m[2])}", text)
    text = _MONTH_YEAR.sub(lambda m: unit(_month(m[1]), say.year(m[2])), text)
    text = _DECADE.sub(lambda m: plural(say.year(m[1])), text)
    text = _YEARS.sub(lambda m: _years(m, say), text)
    text = _TWO_YEARS.sub(lambda m: unit(say.year(m[1]), "to", say.year(m[2])), text)
    return _SHORT_YEAR.sub(lambda m: say.short_year(m[1]), text)


def _say_days(text: str) -> str:
    """Days of the week, where their short forms are not words."""
    text = _DAY_RANGE.sub(lambda m: f"{_day(m[1])} to {_day(m[2])}", text)
    text = _DAY_LIST.sub(lambda m: _NAME.sub(lambda n: _day(n[0]), m[0].replace(".", "")), text)
    text = _DAY_DATE.sub(lambda m: _day(m[1]), text)
    return _SURE_DAY.sub(lambda m: _day(m[1]), text)


def _day(written: str) -> str:
    return _DAY_OF[written[:3]]


def _month(written: str) -> str:
    return _MONTH_OF[written[:3]]


def _month_and_day(first: str, second: str, american: bool) -> tuple[int, str] | None:
    """In the dialect's order, or in the other where that gives no date."""
    for month, day in ((first, second), (second, first))[:: 1 if american else -1]:
        if 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
            return int(month), day
    return None


def _is_date(match: re.Match[str]) -> bool:
    """Whether `12/25` is a day rather than a part."""
    before = match.string[max(0, match.start() - 24) : match.start()]
    after = match.string[match.end() : match.end() + 16]
    if match[0] in ("9/11", "7/11", "50/50", "24/7") or _FRACTION_CONTEXT.match(after):
        return False
    above, below = int(match[1]), int(match[2])
    if above < below and below in _USUAL_PARTS and below not in (10, 12, 20):
        return bool(_CERTAIN.search(before) or _TIME_NEAR.match(after) or _TO_DATE.match(after))
    if _SHORT_CONTEXT.search(before) or _TIME_NEAR.match(after):
        return True
    return above != below and (above > 12 or below not in _USUAL_PARTS) and below != 100


def _said_year(written: str, say: Numbers) -> str:
    if len(written) == 2:
        written = _CENTURY_BASE[int(written) < _PIVOT] + written
    return say.year(written)


def _month_first(month: str, day: str, year: str | None, say: Numbers) -> str:
    words = unit(month, say.ordinal(day))
    return f"{words},{NO_BREAK}{say.year(year)}" if year else words


def _day_first(month: str, day: str, year: str | None, say: Numbers) -> str:
    words = unit("the", say.ordinal(day), "of", month)
    return f"{words},{NO_BREAK}{say.year(year)}" if year else words


def _days(month: str, first: str, last: str, year: str | None, say: Numbers, lead: bool) -> str:
    days = [say.ordinal(first), "to", say.ordinal(last)]
    words = unit(month, *days) if lead else unit("the", *days, "of", month)
    return f"{words},{NO_BREAK}{say.year(year)}" if year else words


def _iso_time(match: re.Match[str], say: Numbers) -> str:
    hour, minute, second, zone = match.group(5, 6, 7, 8)
    if not hour:
        return ""
    words = [say.cardinal(str(int(hour)))]
    if minute == "00":
        words.append("hundred")
    else:
        words += ["oh"] * (minute[0] == "0") + [say.cardinal(str(int(minute)))]
    if second and second != "00":
        words += ["and", say.cardinal(str(int(second))), "seconds"]
    if zone:
        words.append("UTC")
        if zone[0] in "+-":
            words += ["plus" if zone[0] == "+" else "minus", say.cardinal(str(int(zone[1:3])))]
            if zone[3:].strip(":0"):
                words.append(say.cardinal(str(int(zone[-2:]))))
    return f", {unit(*words)}"


def _years(match: re.Match[str], say: Numbers) -> str:
    """`2024/25` and `1990-95`: the second year in two digits, when it is the later one."""
    begin, end = match[1] + match[2], match[3]
    if int(end) <= int(begin[-2:]):
        return match[0]
    return unit(say.year(begin), "to", say.short_year(end))
