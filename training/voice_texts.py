"""Sentences for training: natural, varied, of known licence.

They come from WordNet 3.0 (Princeton University; free for any use with its notice, packaged by
Debian as `wordnet-base`): its example sentences and definitions, and lists of its words, so that
rare sounds meet. Numbers, letters and short commands are made here.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PARTS = ("noun", "verb", "adj", "adv")
SHORTEST, LONGEST = 12, 110
"""Characters of a text."""

_EXAMPLE = re.compile(r'"([^"]+)"')
_SPEAKABLE = re.compile(r"[A-Za-z][A-Za-z ,.'?!-]*")
_COMMANDS = (
    "Press {n} to go back, or {m} to hear this again.",
    "You have {n} new messages and {m} old ones.",
    "Please hold the line, somebody will be with you shortly.",
    "The number you asked for is {n}, {m}, {n}.",
    "It is {n} minutes past {h}.",
    "Thank you. Goodbye.",
    "Yes, certainly.",
    "No, I do not think so.",
    "Spell it {a}, {b}, {c}, {d}.",
    "Flight {a}{b} {n} leaves from gate {m}.",
    "Are you sure? Say yes, no, or maybe.",
    "Room {n}, on floor {h}, at {m} percent.",
    "{a} is for apple, {b} is for {c}.",
    "At the tone, the time will be {h} {n}.",
)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What WordNet says: examples, definitions and single words."""

    examples: tuple[str, ...]
    definitions: tuple[str, ...]
    words: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> Lexicon:
        """From the folder with `data.noun`, `data.verb`, …"""
        examples: list[str] = []
        definitions: list[str] = []
        words: dict[str, None] = {}
        for part in PARTS:
            for line in (folder / f"data.{part}").read_text(encoding="latin-1").splitlines():
                if line.startswith(" "):
                    continue  # the licence
                entry, _, gloss = line.partition("|")
                lemma = entry.split()[4]
                if lemma.isalpha() and lemma.islower():
                    words[lemma] = None
                examples += _EXAMPLE.findall(gloss)
                definitions.append(_EXAMPLE.sub("", gloss).split(";")[0].strip())
        return cls(_speakable(examples), _speakable(definitions), tuple(words))


def _speakable(texts: list[str]) -> tuple[str, ...]:
    return tuple(
        text
        for text in dict.fromkeys(text.strip() for text in texts)
        if SHORTEST <= len(text) <= LONGEST and _SPEAKABLE.fullmatch(text)
    )


def texts(lexicon: Lexicon, random: np.random.Generator) -> Iterator[str]:
    """Texts without end."""
    makers = (_examples, _definition, _words, _command)
    while True:
        text = makers[random.choice(len(makers), p=(0.45, 0.25, 0.12, 0.18))](lexicon, random)
        yield text[0].upper() + text[1:]


def _pick(choices: tuple[str, ...], random: np.random.Generator) -> str:
    return choices[random.integers(len(choices))]


def _examples(lexicon: Lexicon, random: np.random.Generator) -> str:
    text = _ended(_pick(lexicon.examples, random), random)
    while random.random() < 0.6:
        more = _ended(_pick(lexicon.examples, random), random)
        if len(text) + len(more) >= LONGEST:
            break
        text += f" {more[0].upper()}{more[1:]}"
    return text


def _ended(text: str, random: np.random.Generator) -> str:
    return text if text[-1] in ".?!" else text + random.choice([".", ".", ".", "?", "!", ""])


def _definition(lexicon: Lexicon, random: np.random.Generator) -> str:
    return _ended(_pick(lexicon.definitions, random), random)


def _words(lexicon: Lexicon, random: np.random.Generator) -> str:
    chosen = [_pick(lexicon.words, random) for _ in range(random.integers(3, 9))]
    return (" " if random.random() < 0.5 else ", ").join(chosen)[:LONGEST] + "."


def _command(_lexicon: Lexicon, random: np.random.Generator) -> str:
    letters = dict(zip("abcd", random.choice(list(string.ascii_uppercase), 4), strict=True))
    numbers = {"n": _number(random), "m": _number(random), "h": random.integers(1, 13)}
    return _pick(_COMMANDS, random).format(**letters, **numbers)


def _number(random: np.random.Generator) -> int:
    return int(random.integers(10 ** random.integers(1, 5)))
