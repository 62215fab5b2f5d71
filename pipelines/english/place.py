"""A word in its sentence, as the rules of `senses` see it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.english.context import probabilities, word_class

ENDS = frozenset(".;!?:")


@dataclass(frozen=True, slots=True)
class Place:
    """A word in its text."""

    words: Sequence[str]
    at: int

    def word(self, offset: int) -> str:
        """A neighbour in lower case, `` beyond the ends."""
        at = self.at + offset
        return self.words[at].lower().replace("’", "'") if 0 <= at < len(self.words) else ""

    def kind(self, offset: int) -> str:
        """The class of a neighbour; `P` beyond the ends."""
        at = self.at + offset
        return word_class(self.words[at]) if 0 <= at < len(self.words) else "P"

    def before(self, count: int = 12) -> list[str]:
        """The words before it in its sentence, the nearest first."""
        found: list[str] = []
        for offset in range(1, count + 1):
            word = self.word(-offset)
            if not word or word in ENDS:
                break
            found.append(word)
        return found

    def after(self, count: int = 12) -> list[str]:
        """The words after it in its sentence, the nearest first."""
        found: list[str] = []
        for offset in range(1, count + 1):
            word = self.word(offset)
            if not word or word in ENDS:
                break
            found.append(word)
        return found

    def near(self, words: str, count: int = 9) -> bool:
        """Whether any of the words, separated by `|`, is in its sentence; stems end in `*`."""
        pattern = either_of(words)
        return any(pattern.fullmatch(word) for word in (*self.before(count), *self.after(count)))

    def next_to(self, before: str = "", after: str = "") -> bool:
        """Whether the word right before or right after is one of these."""
        return bool(
            (before and either_of(before).fullmatch(self.word(-1)))
            or (after and either_of(after).fullmatch(self.word(1)))
        )

    def tag(self) -> str:
        """The likeliest part of speech."""
        word = self.word(0)
        likely = probabilities(self.words, self.at, ends_in_s=word.endswith("s"))
        likely["V"] *= 1.6
        return max(likely, key=lambda tag: likely[tag])


_CACHE: dict[str, re.Pattern[str]] = {}


def either_of(words: str) -> re.Pattern[str]:
    """A pattern of words that are separated by `|`; stems end in `*`."""
    if words not in _CACHE:
        _CACHE[words] = re.compile(words.replace("*", r"[\w'-]*"))
    return _CACHE[words]
