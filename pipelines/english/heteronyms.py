"""Words that are spelt alike and said in two ways: which way a sentence means.

Most are told by their part of speech (`context`), some by their sense: then words around them
decide, as rules in `senses` say.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from pipelines.english.context import DATA, probabilities, word_class
from pipelines.english.place import Place
from pipelines.english.senses import RULES

_VERB_BIAS = 0.7
"""Heteronyms are verbs more often than the tagger's examples are."""
_RARE_VERBS = re.compile(
    "frequent|concert|console|consort|warehouse|certificate|laminate|predicate|prospect|"
    "proceeds|syndicate|postulate|sophisticate|expatriate|confines|animate|mandate|purport|"
    "segment|relay|consummate|legitimate|buffet|incense|entrance|triplicate"
)
_RARE = 1.5
_PHRASE = 1.6
_PLURAL = re.compile("[nar]*p[nvzar]*")
_MODIFIER = re.compile("[nvar]+|NNP")
_AFTER_VERB = re.compile("DET|POSS|OBJ|PREP|ADV|TO|#|P|r|ar?|na?|n?p|SUB")
_CLOSED_WITH_S = ("BE", "MOD", "SUBJ")


@dataclass(frozen=True, slots=True)
class Reading:
    """One way of saying a word: `tags` are the parts of speech that are said so."""

    name: str
    tags: str
    american: str
    british: str

    def sounds(self, language: str) -> str:
        """The phonemes in `en-us` or `en-gb`."""
        return self.american if language == "en-us" else self.british


def choose(words: Sequence[str], place: int) -> Reading | None:
    """The reading of the word at `place` of a text; None for a word that has only one."""
    word = words[place].lower()
    found = readings(word)
    if not found:
        return None
    rule = RULES.get(word)
    if rule is not None:
        name = rule(Place(words, place))
        if name is not None:
            return next(reading for reading in found if reading.name == name)
    return _by_part_of_speech(words, place, found)


def readings(word: str) -> tuple[Reading, ...]:
    """The readings of a word in lower case; those of a word in -s follow from its base."""
    table = _table()
    return table.get(word) or _inflected(word)


def _by_part_of_speech(words: Sequence[str], place: int, found: tuple[Reading, ...]) -> Reading:
    word = words[place].lower()
    likely = probabilities(words, place, ends_in_s=word.endswith("s") and not word.endswith("ss"))
    bias = -_RARE if _RARE_VERBS.fullmatch(word) else _VERB_BIAS
    likely["V"] *= math.exp(bias + _phrase_bias(words, place))
    return max(found, key=lambda r: sum(likely.get(tag, 0.0) for tag in r.tags))


def _phrase_bias(words: Sequence[str], place: int) -> float:
    """For a verb behind a plural that it could be said of (`hens produce eggs`); against it inside
    a noun's own phrase (`our science project`). Behind `who` there is a verb."""
    kinds = [word_class(word) for word in words[max(0, place - 4) : place]][::-1]
    if not kinds:
        return 0.0
    if words[place - 1].lower() in ("who", "whom"):
        return 2 * _PHRASE
    following = word_class(words[place + 1]) if place + 1 < len(words) else "P"
    if _PLURAL.fullmatch(kinds[0]):
        return _PHRASE if _AFTER_VERB.fullmatch(following) else 0.0
    if words[place - 1].lower().endswith(("'s", "’s")) and kinds[0] not in _CLOSED_WITH_S:
        return -2 * _PHRASE
    for kind in kinds:
        if kind in ("DET", "POSS"):
            return -_PHRASE
        if not _MODIFIER.fullmatch(kind):
            return 0.0
    return 0.0


@cache
def _table() -> dict[str, tuple[Reading, ...]]:
    table: dict[str, tuple[Reading, ...]] = {}
    for line in (DATA / "heteronyms.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            word, *fields = line.split("\t")
            table[word] = (*table.get(word, ()), Reading(*fields))
    return table


_VOICELESS, _SIBILANT = tuple("ptkfθ"), ("s", "z", "ʃ", "ʒ")


@cache
def _inflected(word: str) -> tuple[Reading, ...]:
    base = word[:-1] if word.endswith("s") and not word.endswith("ss") else ""
    found = _table().get(base, ()) or _table().get(word[:-2] if word.endswith("es") else "", ())
    return tuple(
        Reading(r.name, r.tags, with_s(r.american, "en-us"), with_s(r.british, "en-gb"))
        for r in found
        if set(r.tags) <= set("NVAR")
    )


def with_s(phonemes: str, language: str) -> str:
    """The sounds of a word with the -s of a plural or a possessive."""
    if phonemes.endswith(_SIBILANT):
        return phonemes + ("ᵻz" if language == "en-us" else "ɪz")
    return phonemes + ("s" if phonemes.endswith(_VOICELESS) else "z")
