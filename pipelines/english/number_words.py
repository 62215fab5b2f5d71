"""Numbers as English words, in the manner of one dialect.

A spoken number is one unit: its words are joined by no-break spaces, so that the chunker keeps
them together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from num2words import num2words

from pipelines.english.characters import NO_BREAK

NUMBER = r"(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,2}(?:,\d{2})+,\d{3}(?!\d)|\d+)(?:\.\d+)?|\.\d+)"
"""Pattern of a number as written: `7`, `10,000`, `1,00,000` (a lakh), `3.14`, `.5`."""

_LONGEST_CARDINAL = 15
"""Numbers of more digits than this are said digit by digit."""

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LAKHS = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}")
_AND = re.compile(rf"{NO_BREAK}and(?={NO_BREAK})")


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


def looks_like_year(written: str) -> bool:
    """Whether a bare number of four digits is best said as a year."""
    return len(written) == 4 and written.isdigit() and 1100 <= int(written) < 2100


def plural(words: str) -> str:
    """`nineteen eighty` as `nineteen eighties`."""
    if re.search("[^aeiou]y$", words):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith(("x", "ch", "sh")) else "s")


def either(words: Iterable[str]) -> str:
    """A pattern of any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


@dataclass(frozen=True, slots=True)
class Numbers:
    """How a dialect says numbers: with `and` after the hundreds in British English alone."""

    british: bool

    def number(self, written: str) -> str:
        """A number in the form of `NUMBER`: a cardinal, with its decimals digit by digit."""
        whole, point, decimals = written.partition(".")
        if _LAKHS.fullmatch(whole):
            words = self._lakhs(int(whole.replace(",", "")))
        else:
            whole = whole.replace(",", "")
            words = self.cardinal(whole) if whole else ""
        return unit(words, "point", *(_DIGITS[int(d)] for d in decimals)) if point else words

    def cardinal(self, written: str) -> str:
        """Digits as a count; digit by digit when they are a code (leading zero) or too many."""
        if len(written) > _LONGEST_CARDINAL or (len(written) > 1 and written[0] == "0"):
            return digits(written)
        return self._words(int(written), "cardinal")

    def ordinal(self, written: str) -> str:
        """`21` as `twenty-first`."""
        return self._words(int(written.replace(",", "")), "ordinal")

    def year(self, written: str) -> str:
        """`1984` as `nineteen eighty-four`, `1905` as `nineteen oh five`."""
        value = int(written)
        if len(written) != 4 or value < 1000 or value % 1000 < 10:
            return self.cardinal(written)
        return self._words(value, "year").replace("oh-", f"oh{NO_BREAK}")

    def short_year(self, written: str) -> str:
        """The last two digits of a year: `84` as `eighty-four`, `09` as `oh nine`."""
        if written == "00":
            return unit("two thousand")
        return unit("oh", _DIGITS[int(written)]) if written[0] == "0" else self.cardinal(written)

    def pairs(self, written: str) -> str:
        """A number that names a thing: `101` as `one oh one`, `747` as `seven forty-seven`."""
        if written[0] == "0" or not 3 <= len(written) <= 4:
            return self.cardinal(written)
        head, tail = written[:-2], written[-2:]
        if tail == "00":
            return (
                self.cardinal(written) if head[-1] == "0" else unit(self.cardinal(head), "hundred")
            )
        rest = unit("oh", _DIGITS[int(tail)]) if tail[0] == "0" else self.cardinal(tail)
        return unit(self.cardinal(head), rest)

    def _lakhs(self, value: int) -> str:
        """Indian counting: crores of ten million, lakhs of a hundred thousand."""
        crores, rest = divmod(value, 10_000_000)
        lakhs, rest = divmod(rest, 100_000)
        return unit(
            *((self.cardinal(str(crores)), "crore") if crores else ()),
            *((self.cardinal(str(lakhs)), "lakh") if lakhs else ()),
            self.cardinal(str(rest)) if rest else "",
        )

    def _words(self, value: int, form: str) -> str:
        words = _words(value, form)
        return words if self.british else _AND.sub("", words)


AMERICAN, BRITISH = Numbers(british=False), Numbers(british=True)


def numbers_of(language: str) -> Numbers:
    """The manner of `en-us` or `en-gb`."""
    return AMERICAN if language == "en-us" else BRITISH


@lru_cache(maxsize=4096)
def _words(value: int, form: str) -> str:
    return unit(str(num2words(value, to=form)).replace(",", ""))
