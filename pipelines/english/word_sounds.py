"""Which symbols of a chunk belong to which of its words.

espeak-ng reads some words as one (`of the`) and others as several. Where a clause has as many
groups of symbols as words, they are those of its words in order. Elsewhere the symbols are aligned
with those of the words read one by one, at the least cost of substitutions and gaps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipelines.english.marks import WORDS, Words
from pipelines.english.phonemes import phonemize

_MARKS = r"\s;:,.!?—…“”()\"«»¡¿`{}\[\]"
_WORD = re.compile(rf"[^{_MARKS}]+")
_GIVEN = re.compile(f"[{WORDS}]$")
_STRESS = frozenset("ˈˌː")
_VOWELS = frozenset("aeiouæɑɐɒɔəɛɜɪʊʌᵻɚAIOQWYᵊ")
_GAP, _OTHER, _ALIKE = 0.8, 1.5, 0.6

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Said:
    """A word as it is said, and its sounds where they are given."""

    text: str
    clause: int
    """Number of the clause it is in: what is between two punctuation marks."""
    sounds: str | None = None


def said_words(piece: str, words: Words) -> tuple[Said, ...]:
    """The words of normalised text, in which the marks of `words` may be."""
    found: list[Said] = []
    clause, end = 0, 0
    for match in _WORD.finditer(piece):
        if piece[end : match.start()].strip():
            clause += 1
        end = match.end()
        given = _GIVEN.search(match[0])
        sounds = words.spoken(given[0]).phonemes if given else None
        found.append(Said(words.written(match[0]), clause, sounds))
    return tuple(found)


def sound_ranges(said: Sequence[Said], phonemes: str, language: str) -> list[Range]:
    """Where the symbols of each word begin and end in `phonemes`. A word that is not heard has
    an empty range."""
    groups = [(match.start(), match.end()) for match in _WORD.finditer(phonemes)]
    of_clauses = _by_clause(groups, phonemes)
    clauses = (
        [[w for w in said if w.clause == n] for n in range(said[-1].clause + 1)] if said else []
    )
    if len(of_clauses) != len(clauses):
        of_clauses, clauses = [groups], [list(said)]
    ranges: list[Range] = []
    for words, found in zip(clauses, of_clauses, strict=True):
        if len(words) == len(found):
            ranges += found
        else:
            ranges += _aligned(words, found, phonemes, language)
    return ranges


def _by_clause(groups: Sequence[Range], phonemes: str) -> list[list[Range]]:
    clauses: list[list[Range]] = []
    end = 0
    for begin, stop in groups:
        if not clauses or phonemes[end:begin].strip():
            clauses.append([])
        clauses[-1].append((begin, stop))
        end = stop
    return clauses


def _aligned(
    words: Sequence[Said], groups: Sequence[Range], phonemes: str, language: str
) -> list[Range]:
    places = [p for begin, end in groups for p in range(begin, end)]
    expected: list[str] = []
    owners: list[int] = []
    for number, word in enumerate(words):
        sounds = word.sounds if word.sounds is not None else _alone(word.text, language)
        symbols = [s for s in sounds if s not in _STRESS and not s.isspace()]
        expected += symbols
        owners += [number] * len(symbols)
    heard = [p for p in places if phonemes[p] not in _STRESS]
    found = owners_of([phonemes[p] for p in heard], expected, owners)
    ranges: list[Range] = []
    end = places[0] if places else 0
    for number in range(len(words)):
        own = [p for p, owner in zip(heard, found, strict=True) if owner == number]
        if own:
            begin = own[0]
            while begin - 1 >= end and phonemes[begin - 1] in _STRESS - {"ː"}:
                begin -= 1
            end = own[-1] + 1
            ranges.append((begin, end))
        else:
            ranges.append((end, end))
    return ranges


def owners_of(heard: Sequence[str], expected: Sequence[str], owners: Sequence[int]) -> list[int]:
    """The owner of each heard symbol, by that of the expected symbol it is aligned with. One that
    is aligned with none has the owner of the one before it."""
    if not expected:
        return [0] * len(heard)
    rows, columns = len(heard) + 1, len(expected) + 1
    cost = [[_GAP * (i + j) for j in range(columns)] for i in range(rows)]
    for i in range(1, rows):
        for j in range(1, columns):
            cost[i][j] = min(
                cost[i - 1][j - 1] + _difference(heard[i - 1], expected[j - 1]),
                cost[i - 1][j] + _GAP,
                cost[i][j - 1] + _GAP,
            )
    found = [-1] * len(heard)
    i, j = rows - 1, columns - 1
    while i and j:
        if cost[i][j] == cost[i - 1][j - 1] + _difference(heard[i - 1], expected[j - 1]):
            i, j = i - 1, j - 1
            found[i] = owners[j]
        elif cost[i][j] == cost[i - 1][j] + _GAP:
            i -= 1
        else:
            j -= 1
    last = owners[0]
    for place, owner in enumerate(found):
        last = owner if owner >= 0 else last
        found[place] = last
    return found


def _difference(one: str, other: str) -> float:
    if one == other:
        return 0.0
    return _ALIKE if (one in _VOWELS) == (other in _VOWELS) else _OTHER


@lru_cache(maxsize=4096)
def _alone(word: str, language: str) -> str:
    return phonemize([word], language)[0]
