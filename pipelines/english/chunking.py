"""Cutting a normalised text into chunks that are spoken one by one.

A chunk ends at the end of a sentence if it can, else of a clause, else where a speaker could take a
breath, else of a word; a sentence that fits is cut only where a scrap of a few characters would be
left alone otherwise. The first chunk of a long text is short, so that it is soon heard. Among the
cuts of one kind those are taken that leave the fewest and the most even chunks: very short
utterances sound worse. Cuts are made at spaces, never at the no-break spaces inside one spoken
unit. Only a token longer than the limit is cut inside, at its no-break spaces if it has them, and
never between a letter and its combining marks while these fit.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto
from itertools import accumulate, pairwise

from pipelines.english.characters import NO_BREAK

_SPACES = re.compile(rf"[^\S{NO_BREAK}]+")
_SENTENCE_END = re.compile(r"[.!?…][)”]*$")
_CLAUSE_END = re.compile(r"(?:[,;:—][)”]*|[)”])$")
_OPENING = ("(", "“")
_JOINER = "\u200d"

_BREATH = re.compile(
    r"(?:and|or|but|nor|so|yet|because|although|though|while|whereas|which|who|whom|whose|that|"
    r"where|when|if|unless|until|since|after|before|as|than|with|without|for|from|in|on|at|by|"
    r"into|onto|over|under|through|between|against|during|towards?|about|across|among|to)$",
    re.I,
)
"""Words before which a speaker could take a breath."""

_SENTENCE, _CLAUSE, _PHRASE, _WORD = 1.0, 4.0, 9.0, 12.0
"""What it costs to end a chunk there; one sentence end costs as much as one chunk more."""

_SHORT = 30
"""Chunks of fewer characters sound worse, the shorter the more."""
_SHORT_COST = 10.0
_UNEVEN_COST = 0.5


@dataclass(slots=True)
class _Token:
    """Characters that stay together, the space after them, and the cost of ending a chunk there."""

    text: str
    space: str
    end_cost: float


class Seam(Enum):
    """What there is between a chunk and the one before it."""

    NONE = auto()
    """Words that belong together."""
    CLAUSE = auto()
    SENTENCE = auto()
    PARAGRAPH = auto()


def seam_after(chunk: str) -> Seam:
    """What follows a chunk of normalised text, by its last mark."""
    if _SENTENCE_END.search(chunk):
        return Seam.SENTENCE
    return Seam.CLAUSE if _CLAUSE_END.search(chunk) else Seam.NONE


def split(text: str, max_characters: int, first: int | None = None) -> list[str]:
    """The chunks of `text`, in order, each of 1 to `max_characters` characters.

    Of a text that is longer the first chunk has at most `first`, if there is a mark to end it at.
    Joined again they are the text, but for white space at the cuts. Raises ValueError when
    `max_characters` is less than 1.
    """
    if max_characters < 1:
        raise ValueError("max_characters must be at least 1")
    tokens = _tokenize(text, max_characters)
    begin = _first_end(tokens, first, max_characters) if first is not None else 0
    rest = tokens[begin:]
    cuts = [0, *(begin + cut for cut in _best_cuts(rest, max_characters))] if begin else None
    cuts = cuts or _best_cuts(tokens, max_characters)
    return [_join(tokens[start:end]) for start, end in pairwise(cuts)]


def _first_end(tokens: list[_Token], first: int, limit: int) -> int:
    """How many tokens the first chunk has: up to the first sentence end, else clause end, that
    leaves it neither too long nor too short; 0 when there is none, or all is one chunk."""
    first = min(first, limit)
    ends = list(accumulate(len(token.text) + len(token.space) for token in tokens))
    if not ends or ends[-1] - 1 <= limit:
        return 0
    usable = [
        place
        for place, end in enumerate(ends)
        if min(_SHORT // 2, first) <= end - len(tokens[place].space) <= first
    ]
    for cost in (_SENTENCE, _CLAUSE):
        for place in usable:
            if tokens[place].end_cost == cost:
                return place + 1
    return 0


def _tokenize(text: str, limit: int) -> list[_Token]:
    words = [word for word in _SPACES.split(text) if word.strip()]
    tokens: list[_Token] = []
    for word, following in zip(words, [*words[1:], ""], strict=False):
        pieces = _pieces(word, limit) if len(word) > limit else [_Token(word, " ", _WORD)]
        pieces[-1].space = " "
        pieces[-1].end_cost = _end_cost(word, following)
        tokens += pieces
    return tokens


def _end_cost(word: str, following: str) -> float:
    if _SENTENCE_END.search(word):
        return _SENTENCE
    if _CLAUSE_END.search(word) or following.startswith(_OPENING):
        return _CLAUSE
    return _PHRASE if _BREATH.match(following) else _WORD


def _pieces(word: str, limit: int) -> list[_Token]:
    """A word that is longer than the limit: its parts between no-break spaces, cut where needed."""
    tokens: list[_Token] = []
    for part in word.split(NO_BREAK):
        size = -(-len(part) // -(-len(part) // limit)) if part else limit
        piece = ""
        for cluster in _clusters(part, limit):
            if piece and len(piece) + len(cluster) > size:
                tokens.append(_Token(piece, "", _WORD))
                piece = ""
            piece += cluster
        tokens += [_Token(piece, NO_BREAK, _WORD)] if piece else []
    return tokens


def _clusters(word: str, limit: int) -> list[str]:
    """Letters with the marks that belong to them, as far as they fit."""
    clusters: list[str] = []
    for character in word:
        belongs = unicodedata.category(character)[0] == "M" or character == _JOINER
        fits = clusters and len(clusters[-1]) < limit
        if fits and (belongs or clusters[-1].endswith(_JOINER)):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def _best_cuts(tokens: list[_Token], limit: int) -> list[int]:
    """Indices of the tokens that begin a chunk, and the end, at the least total cost.

    `best[j] = min over i of best[i] + cost(tokens[i:j])`, over all i whose chunk fits.
    """
    starts = [0, *accumulate(len(token.text) + len(token.space) for token in tokens)]
    best = [0.0] + [float("inf")] * len(tokens)
    previous = [0] * (len(tokens) + 1)
    for end in range(1, len(tokens) + 1):
        stop = starts[end] - len(tokens[end - 1].space)
        for begin in range(end - 1, -1, -1):
            length = stop - starts[begin]
            if length > limit:
                break
            cost = best[begin] + _shape_cost(length, limit)
            if cost < best[end]:
                best[end], previous[end] = cost, begin
        best[end] += tokens[end - 1].end_cost
    cuts = [len(tokens)]
    while cuts[-1]:
        cuts.append(previous[cuts[-1]])
    return cuts[::-1]


def _shape_cost(length: int, limit: int) -> float:
    """What a chunk of this length costs for being short, and for the room it leaves."""
    short = min(_SHORT, limit)
    lack = max(0.0, (short - length) / short)
    return _SHORT_COST * lack + _UNEVEN_COST * ((limit - length) / limit) ** 2


def _join(tokens: list[_Token]) -> str:
    *inner, last = tokens
    return "".join(token.text + token.space for token in inner) + last.text
