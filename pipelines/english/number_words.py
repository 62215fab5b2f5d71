"""Numbers as English words.

A spoken number is one unit: its words are joined by no-break spaces, so that the chunker keeps
them together.
"""

from __future__ import annotations

from functools import lru_cache

from num2words import num2words

from pipelines.english.characters import NO_BREAK

NUMBER = r"(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)"
"""Pattern of a number as written: `7`, `10,000`, `3.14`, `.5`."""

_LONGEST_CARDINAL = 15
"""Numbers of more digits than this are said digit by digit."""

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def unit(*words: str) -> str:
    """Words said as one: joined so that no chunk ends between them, but after a comma it may."""
    return (
        " ".join(word for word in words if word)
        .replace(" ", NO_BREAK)
        .replace(f",{NO_BREAK}", ", ")
    )


def digits(written: str) -> str:
    """Digit by digit, in groups of three or four with a pause between them."""
    size = 4 if len(written) % 3 == 1 else 3
    groups = (written[i : i + size] for i in range(0, len(written), size))
    return ", ".join(unit(*(_DIGITS[int(digit)] for digit in group)) for group in groups)


def number(written: str) -> str:
    """A number in the form of `NUMBER`: a cardinal, with its decimals digit by digit."""
    whole, point, decimals = written.replace(",", "").partition(".")
    words = cardinal(whole) if whole else ""
    return unit(words, "point", *(_DIGITS[int(d)] for d in decimals)) if point else words


def cardinal(written: str) -> str:
    """Digits as a count; digit by digit when they are a code (leading zero) or too many."""
    if len(written) > _LONGEST_CARDINAL or (len(written) > 1 and written[0] == "0"):
        return digits(written)
    return _words(int(written), "cardinal")


def ordinal(written: str) -> str:
    """`21` as `twenty-first`."""
    return _words(int(written.replace(",", "")), "ordinal")


def year(written: str) -> str:
    """`1984` as `nineteen eighty-four`, `2005` as `two thousand and five`."""
    value = int(written)
    if len(written) != 4 or value < 1000 or value % 1000 < 10:
        return cardinal(written)
    return _words(value, "year").replace("oh-", f"oh{NO_BREAK}")


def looks_like_year(written: str) -> bool:
    """Whether a bare number of four digits is best said as a year."""
    return len(written) == 4 and written.isdigit() and 1100 <= int(written) < 2100


def plural(words: str) -> str:
    """`nineteen eighty` as `nineteen eighties`."""
    if words.endswith("y"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith("x") else "s")


@lru_cache(maxsize=4096)
def _words(value: int, form: str) -> str:
    return unit(str(num2words(value, to=form)).replace(",", ""))
