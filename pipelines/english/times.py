"""Times of day and lengths of time, as the words in which they are said."""

from __future__ import annotations

import re

from pipelines.english.number_words import Numbers, plural, unit

_HALF = r"(?:am|pm|AM|PM)"
_CLOCK = re.compile(
    rf"(?<![\w:.])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?:\s?({_HALF})\b)?(?![\w:]|,\d{{3}}|\.\d)"
)
_DURATION = re.compile(r"(?<![\w:.])(\d{1,3}):([0-5]\d):([0-5]\d)(?:\.(\d{1,6}))?(?![\w:]|[.,]\d)")
_STOPPED = re.compile(
    rf"(?<![\w.:,$£€-])([01]?\d|2[0-3])\.([0-5]\d)"
    rf"(?=\s?{_HALF}\b|(?:\s?[-–—]\s?|\sto\s)\d{{1,2}}(?:[.:][0-5]\d)?\s?{_HALF}\b)"
    rf"|(?<=[-–—])([01]?\d|2[0-3])\.([0-5]\d)(?=\s?{_HALF}\b)"
    r"|(?<=\b[Aa]t )([01]?\d|2[0-3])\.([0-5]\d)"
    r"(?=\s(?:on|today|tonight|tomorrow|this|sharp|GMT|BST|in the|every)\b)"
)
"""British newspapers write a full stop in a time."""
_TIME_RANGE = re.compile(
    rf"((?<![\w.,])(?:\d{{1,2}}(?::\d\d)?(?:\s?{_HALF})?|noon|midnight))\s?[-–—]\s?"
    rf"(?=\d{{1,2}}(?::\d\d|\s?{_HALF}\b)|noon\b|midnight\b)"
)
_COMPACT = re.compile(
    r"(?<![\w.,])(?:(\d+)h\s?(?:(\d+)(?:m|min)?\b)?(?:\s?(\d+)s\b)?|()(\d+)m\s?(\d+)s\b)(?!\w)"
)
_HOUR = re.compile(rf"(?<![\w:.])(1[0-2]|[1-9])\s?({_HALF})\b")


def say_times(text: str, say: Numbers) -> str:
    """Times in words: `3:05pm` is `three oh five PM`, `1:30:45` is a length of time."""
    text = _STOPPED.sub(lambda m: ":".join(part for part in m.groups() if part), text)
    text = _TIME_RANGE.sub(r"\1 to ", text)
    text = _DURATION.sub(lambda m: _duration(m, say), text)
    text = _CLOCK.sub(lambda m: _clock(m, say), text)
    return _HOUR.sub(lambda m: unit(say.cardinal(m[1]), m[2].upper()), text)


def say_durations(text: str, say: Numbers) -> str:
    """`1h30` and `3m 20s`, whose letters could also be other units."""
    return _COMPACT.sub(lambda m: _compact(m, say), text)


def _duration(match: re.Match[str], say: Numbers) -> str:
    """Hours of one digit, or more than a day has, are counted; others are a time of day."""
    hours, minutes, seconds, parts = match.groups()
    if parts:
        return _amounts(hours, minutes, f"{seconds}.{parts}", say)
    if len(hours) == 2 and int(hours) < 24:
        return match[0]
    if re.match(rf"\s?{_HALF}\b", match.string[match.end() :]):
        return match[0]
    return _amounts(hours, minutes, seconds, say)


def _compact(match: re.Match[str], say: Numbers) -> str:
    hours, minutes, seconds = match.group(1, 2, 3) if match[1] else match.group(4, 5, 6)
    return _amounts(hours or "0", minutes or "0", seconds or "0", say)


def _amounts(hours: str, minutes: str, seconds: str, say: Numbers) -> str:
    amounts = [(hours, "hour"), (minutes, "minute"), (seconds, "second")]
    said = [
        unit(_amount(amount, say), name if float(amount) == 1 else plural(name))
        for amount, name in amounts
        if float(amount)
    ]
    return unit(*said[:-1], "and", said[-1]) if len(said) > 1 else "".join(said) or "zero seconds"


def _amount(written: str, say: Numbers) -> str:
    whole, _, parts = written.partition(".")
    number = str(int(whole))
    return say.number(f"{number}.{parts}") if parts else say.cardinal(number)


def _clock(match: re.Match[str], say: Numbers) -> str:
    hour, minute, second, half = match.groups()
    words = [say.cardinal(hour.removeprefix("0") or "0")]
    if minute != "00":
        words += ["oh"] * (minute[0] == "0") + [say.cardinal(str(int(minute)))]
    elif not half:
        words.append("o'clock" if 1 <= int(hour) <= 12 else "hundred")
    if second and second != "00":
        words += ["and", say.cardinal(str(int(second))), "seconds"]
    return unit(*words, (half or "").upper())
