"""The part of speech of a word from the words around it.

A multinomial logistic regression over noun, verb and adjective: its features are the neighbours of
a word and their classes, never the word itself, so that it serves words that it was not trained on.
`training/english_tagger.py` makes its weights and the table of classes.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data"
TAGS = "NVA"
_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[.,;:!?]")
_BEFORE, _AFTER = "<s>", "</s>"


def tokens(text: str) -> list[tuple[str, int]]:
    """Words and marks, and where each begins."""
    return [(match[0], match.start()) for match in _TOKEN.finditer(text)]


def probabilities(words: Sequence[str], place: int, *, ends_in_s: bool) -> dict[str, float]:
    """The probability of each of `TAGS` for the word at `place`; they add up to 1."""
    weights = _weights()
    found = (weights.get(zlib.crc32(f.encode())) for f in features(words, place, ends_in_s))
    score = np.sum([w for w in found if w is not None], axis=0, initial=0.0) * np.ones(len(TAGS))
    likely = np.exp(score - score.max())
    return dict(zip(TAGS, (likely / likely.sum()).tolist(), strict=True))


def features(words: Sequence[str], place: int, ends_in_s: bool) -> list[str]:
    """What the tagger sees: up to three neighbours on either side, and their classes."""

    def word(at: int) -> str:
        if 0 <= at < len(words):
            return words[at].lower()
        return _BEFORE if at < 0 else _AFTER

    def kind(at: int) -> str:
        if 0 <= at < len(words):
            return word_class(words[at])
        return _BEFORE if at < 0 else _AFTER

    c3, c2, c1 = (kind(place - back) for back in (3, 2, 1))
    n1, n2 = kind(place + 1), kind(place + 2)
    w2, w1, x1, x2 = word(place - 2), word(place - 1), word(place + 1), word(place + 2)
    return [
        *("b", f"c1={c1}", f"c2={c2}", f"n1={n1}", f"n2={n2}", f"c12={c2}|{c1}"),
        *(f"n12={n1}|{n2}", f"cn={c1}|{n1}", f"w1={w1}", f"w2={w2}", f"x1={x1}", f"x2={x2}"),
        *(f"c123={c3}|{c2}|{c1}", f"ccn={c2}|{c1}|{n1}", f"cnn={c1}|{n1}|{n2}", f"w12={w2}|{w1}"),
        *(f"wx={w1}|{x1}", f"w1n={w1}|{n1}", f"c1x={c1}|{x1}"),
        "form=" + ("s" if ends_in_s else "base"),
    ]


def word_class(word: str) -> str:
    """The name of a closed class, or the letters of the parts of speech that the word may be:
    noun, plural, verb, its -s, past and -ing forms (n p v z d g), adjective, adverb (a r)."""
    lower = word.lower().replace("’", "'")
    if not lower[0].isalpha():
        return "#" if lower[0].isdigit() else "P"
    closed = _closed().get(lower)
    if closed:
        return closed
    return _classes().get(lower) or _guess(word, lower)


def _guess(word: str, lower: str) -> str:
    if word[0].isupper():
        return "NNP"
    for ending, guess in (("ly", "r"), ("ing", "g"), ("ed", "d"), ("s", "p")):
        if lower.endswith(ending):
            return guess
    return "n"


@cache
def _closed() -> dict[str, str]:
    table = json.loads((DATA / "closed_words.json").read_text("utf-8"))
    return {word: name for name, words in table.items() for word in words.split()}


@cache
def _classes() -> dict[str, str]:
    lines = gzip.decompress((DATA / "classes.txt.gz").read_bytes()).decode().splitlines()
    return dict(line.split(" ") for line in lines)


@cache
def _weights() -> dict[int, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    with np.load(DATA / "tagger.npz") as stored:
        weights = stored["weights"].astype(np.float32) * stored["scale"]
        return dict(zip(stored["keys"].tolist(), weights, strict=True))


def is_word(word: str) -> bool:
    """Whether a word is in the tables."""
    return word in _classes() or word in _closed()
