"""Which characters of a text, as it was sent, the words that are said stand for.

The text is read by a chain of rules that keeps no places. So the words that are said are aligned
with those that are written: equal ones first, and between them each written word with those that it
is read as when it stands alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pipelines.english.markup import blanked
from pipelines.english.normalize import normalize

_WRITTEN = re.compile(r"(?:(?!—|…|\.\.|--)\S)+")
_EDGE = ".,;:!?\"'()[]{}“”‘’«»*_~`-–"
_NOT_LETTERS = re.compile(r"[\W_]+")
_MOST_CELLS = 50_000
"""Of words written and said between two that are equal: more are shared out evenly."""
_SKIPPED, _UNLIKE = 0.5, 1.0

Span = tuple[int, int]


def source_spans(
    text: str, said: Sequence[str], language: str, *, literal: bool = False
) -> list[Span]:
    """Begin and end in `text` of what each said word stands for; several may have the same."""
    written = written_words(text, literal=literal)
    if not written:
        return [(0, len(text))] * len(said)
    ours = [_key(word) for word in said]
    theirs = [_key(text[begin:end]) for begin, end in written]
    owners: list[int] = []
    place = 0
    for one, other in _steps(theirs, ours):
        owners += _between(range(place, one), said[len(owners) : other], written, text, language)
        if other < len(said):
            owners.append(one)
        place = one + 1
    return [written[owner] for owner in owners]


def _steps(theirs: Sequence[str], ours: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The places of the words that are equal, in order, and last the two ends. Where words differ,
    it goes on at the nearest two in a row that are equal."""
    one = other = 0
    while one < len(theirs) and other < len(ours):
        if theirs[one] != ours[other]:
            one, other = _next_pair(theirs, ours, one, other)
        yield one, other
        one, other = one + 1, other + 1
    if (one, other) != (len(theirs) + 1, len(ours) + 1):
        yield len(theirs), len(ours)


def _next_pair(theirs: Sequence[str], ours: Sequence[str], one: int, other: int) -> tuple[int, int]:
    """The nearest places from `one` and `other` on of two words in a row that are equal; the end
    counts as a word."""
    width = 16
    while True:
        places: dict[tuple[str, str], int] = {}
        for place in range(one, min(one + width, len(theirs))):
            places.setdefault(_pair(theirs, place), place)
        found = [
            (places[pair] - one + place - other, places[pair], place)
            for place in range(other, min(other + width, len(ours)))
            if (pair := _pair(ours, place)) in places
        ]
        if found:
            return min(found)[1:]
        if one + width >= len(theirs) and other + width >= len(ours):
            return len(theirs), len(ours)
        width *= 2


def _pair(words: Sequence[str], place: int) -> tuple[str, str]:
    return words[place], words[place + 1] if place + 1 < len(words) else ""


def written_words(text: str, *, literal: bool = False) -> list[Span]:
    """Begin and end of the words of a text, without the marks around them."""
    plain = text if literal else blanked(text)
    found: list[Span] = []
    for match in _WRITTEN.finditer(plain):
        core = match[0].strip(_EDGE) or match[0].strip(".,;:!?\"'()[]{}“”‘’«»*_~`-–")
        if core:
            begin = match.start() + match[0].index(core)
            found.append((begin, begin + len(core)))
    return found


def _between(
    tokens: range, said: Sequence[str], written: Sequence[Span], text: str, language: str
) -> list[int]:
    """The written word of each of `said`, which are between two that are equal. Where nothing is
    written there, they belong to the word before."""
    if not said:
        return []
    if not tokens:
        return [max(0, min(tokens.start, len(written)) - 1)] * len(said)
    if len(tokens) == 1:
        return [tokens.start] * len(said)
    if len(tokens) * len(said) > _MOST_CELLS:
        return [tokens[n * len(tokens) // len(said)] for n in range(len(said))]
    likely = [_read_as(text[slice(*written[token])], language) for token in tokens]
    return [tokens.start + n for n in _assigned(likely, [_key(word) for word in said])]


def _assigned(likely: Sequence[frozenset[str]], said: Sequence[str]) -> list[int]:
    """In rising order, the token of each word, at the least cost: one for a word that the token
    is not read as, and half for a token without a word."""
    count = len(likely)
    best = [_SKIPPED * token for token in range(count)]
    chosen: list[list[int]] = []
    for number, word in enumerate(said):
        own = [0.0 if word in words else _UNLIKE for words in likely]
        if number == 0:
            best = [best[token] + own[token] for token in range(count)]
            chosen.append(list(range(count)))
            continue
        step: list[float] = []
        back: list[int] = []
        lowest, at = float("inf"), 0
        for token in range(count):
            # From an earlier token, those between are skipped.
            if token:
                lowest += _SKIPPED
                if best[token - 1] < lowest:
                    lowest, at = best[token - 1], token - 1
            stay = best[token]
            step.append(min(stay, lowest) + own[token])
            back.append(token if stay <= lowest else at)
        best = step
        chosen.append(back)
    ends = [cost + _SKIPPED * (count - 1 - token) for token, cost in enumerate(best)]
    token = ends.index(min(ends))
    path = [token]
    for back in reversed(chosen[1:]):
        token = back[token]
        path.append(token)
    return path[::-1]


def _key(word: str) -> str:
    return _NOT_LETTERS.sub("", word).casefold() or word


@lru_cache(maxsize=4096)
def _read_as(token: str, language: str) -> frozenset[str]:
    """The words that a written word is read as where it stands alone."""
    return frozenset(map(_key, normalize(token, language).split()))
