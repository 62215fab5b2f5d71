"""The marks inside a chunk, and how long a reader pauses at them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from pipelines.english.symbols import IDS, PAUSES
from pipelines.models.styletts2.segments import MarkTokens

CLAUSE, SENTENCE = (0.12, 0.32), (0.32, 0.68)
"""Seconds: the least and the longest pause. `benchmarks.pauses` asks for 0.1 to 0.35 and 0.3 to
0.7."""
_CLAUSES = frozenset(IDS[symbol] for symbol in ";:,—()")
_SENTENCES = frozenset(IDS[symbol] for symbol in ".!?…")
_SILENT = frozenset(IDS[symbol] for symbol in PAUSES) | {0}


def marks_of(tokens: Sequence[int], lead: int = 0, trail: int = 0) -> tuple[MarkTokens, ...]:
    """The marks between two words of a chunk; `lead` and `trail` are tokens of its neighbours
    within the zeros at the ends."""
    return tuple(_marks(tokens, 1 + lead, len(tokens) - 1 - trail))


def _marks(tokens: Sequence[int], begin: int, end: int) -> Iterator[MarkTokens]:
    place = begin
    for silent, group in groupby(tokens[begin:end], key=_SILENT.__contains__):
        symbols = set(group_tokens := list(group))
        first, place = place, place + len(group_tokens)
        if not silent or first == begin or place == end:
            continue
        if symbols & _SENTENCES:
            yield MarkTokens(first, place, *SENTENCE)
        elif symbols & _CLAUSES:
            yield MarkTokens(first, place, *CLAUSE)
