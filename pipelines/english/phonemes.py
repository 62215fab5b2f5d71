"""Words to Kokoro's phonemes, by the rules and dictionaries of espeak-ng.

espeak-ng writes the sounds of each piece between two punctuation marks; the marks stay where they
are. Its library keeps global state, so calls take turns.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from threading import Lock
from unicodedata import normalize

import espeakng_loader
from phonemizer.backend import EspeakBackend
from phonemizer.backend.espeak.wrapper import EspeakWrapper

from pipelines.english.characters import NO_BREAK
from pipelines.english.marks import Words
from pipelines.english.scripts import language_runs
from pipelines.english.stand_ins import StandIns
from pipelines.english.symbols import IDS

_PUNCTUATION = re.compile(r"(\s*[;:,.!?—…“”()][\s;:,.!?—…“”()]*)")
_FINAL_ARTICLE = re.compile(r"(?:^|\s)a$")
_OPENING = re.compile(r"\s*[(“]")
_RETROFLEX = re.compile(r"s\.")
_SPACES = re.compile(r"\s+")

_PLURAL_INITIALISM = re.compile(r"\b([A-Z]{1,2})([A-Z])'?s\b")
_LETTER_PLURALS = {
    **{"A": "aze", "B": "bees", "C": "seas", "D": "dees", "E": "ease", "F": "effs", "G": "jeez"},
    **{"H": "aitches", "I": "eyes", "J": "jays", "K": "kays", "L": "ells", "M": "ems", "N": "ens"},
    **{"O": "owes", "P": "peas", "Q": "cues", "R": "ars", "S": "esses", "T": "tease"},
    **{"U": "yous", "V": "vees", "W": "double-yous", "X": "exes", "Y": "whys", "Z": "zees"},
}
"""Words that sound like the plural of a letter's name: espeak-ng drops the s of `GPUs`."""
_RESPELLINGS = {"Ms": "Miz", "AWS": "A-W-S", "VIP": "V-I-P", "NYC": "N-Y-C", "WHO": "W-H-O"}
_RESPELLED = re.compile(rf"\b({'|'.join(_RESPELLINGS)})\b")

_SUBSTITUTIONS = {"ʲ": "j", "r": "ɹ", "x": "k", "ɬ": "l", "ɭ": "l", "ɵ": "o", "ħ": "h", "g": "ɡ"}
"""Sounds without a symbol of their own, or which the English voices never heard."""
_SUBSTITUTE = str.maketrans(_SUBSTITUTIONS)

_LETHAL = re.compile(r"-(?=[^\s-]*[\u0900-\u0dff])")
"""A hyphen before a word with an Indic letter, right after anything but a space, makes espeak-ng
read memory that is not its own, which ends the process. It has no sound anyway."""

_espeak = Lock()


def phonemize(texts: Sequence[str], language: str, words: Words | None = None) -> list[str]:
    """Kokoro's phonemes of each text, in order; `language` is `en-us` or `en-gb`.

    The texts are normalised ones; the marks of `words` in them sound as they say. A result may be
    empty, and longer than the model takes.
    """
    given = [StandIns(words or Words()) for _ in texts]
    clauses = [
        _clauses(stand_ins.put(text), language)
        for text, stand_ins in zip(texts, given, strict=True)
    ]
    runs: dict[str, list[str]] = defaultdict(list)
    for clause in chain.from_iterable(clauses):
        for read_in, run in clause.runs:
            runs[read_in].append(run)
    sounds = {read_in: iter(_speak(many, read_in)) for read_in, many in runs.items()}
    phonemes = ("".join(clause.said(sounds) for clause in members) for members in clauses)
    return [
        to_kokoro(stand_ins.take(spoken)) for spoken, stand_ins in zip(phonemes, given, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Clause:
    """Words up to a punctuation mark, as runs of (language, words), and the mark with its space."""

    runs: list[tuple[str, str]]
    mark: str

    def said(self, sounds: Mapping[str, Iterator[str]]) -> str:
        """The clause's phonemes and its mark, taking the next sounds of each language.

        `a` before an opening mark is the article, not the letter that espeak-ng takes it for.
        """
        phonemes = " ".join(next(sounds[read_in]) for read_in, _ in self.runs)
        if self.runs and _FINAL_ARTICLE.search(self.runs[-1][1]) and _OPENING.match(self.mark):
            phonemes = phonemes.removesuffix("ˈeɪ") + "ɐ"
        return phonemes + self.mark


def _clauses(text: str, language: str) -> list[_Clause]:
    parts = [*_PUNCTUATION.split(_respell(text)), ""]
    return [
        _Clause(language_runs(words, language), mark)
        for words, mark in zip(parts[::2], parts[1::2], strict=True)
    ]


def _respell(text: str) -> str:
    """Spellings that espeak-ng reads right, for the few words that it does not."""
    text = text.replace(NO_BREAK, " ")
    text = _PLURAL_INITIALISM.sub(lambda m: f"{m[1]}-{_LETTER_PLURALS[m[2]]}", text)
    return _RESPELLED.sub(lambda m: _RESPELLINGS[m[1]], text)


def to_kokoro(phonemes: str) -> str:
    """Any IPA in the symbols that Kokoro knows."""
    simple = "".join(c if c in IDS else normalize("NFD", c) for c in phonemes)
    known = "".join(c for c in simple.translate(_SUBSTITUTE) if c in IDS)
    return _SPACES.sub(" ", known).strip()


def _speak(words: list[str], language: str) -> list[str]:
    with _espeak:
        sounds = _backend(language).phonemize([_harmless(word) for word in words], strip=True)
    return [_RETROFLEX.sub("ʂ", sound).replace(".", "") for sound in sounds]


def _harmless(text: str) -> str:
    return _LETHAL.sub(" ", text)


def phonemize_with_punctuation(texts: Sequence[str], language: str) -> list[str]:
    """espeak-ng's phonemes of each text as they are, its punctuation kept, in order."""
    with _espeak:
        backend = _backend(language, preserve_punctuation=True, language_switch="keep-flags")
        # One by one: of a text without words nothing may come back at all.
        sounds = [backend.phonemize([_harmless(text)]) for text in texts]
    return ["".join(lines[:1]) for lines in sounds]


@cache
def _backend(
    language: str, preserve_punctuation: bool = False, language_switch: str = "remove-flags"
) -> EspeakBackend:
    """espeak-ng with its own library and data; made once per use, under the lock."""
    EspeakWrapper.set_library(espeakng_loader.get_library_path())
    EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
    quiet = logging.getLogger(f"{__name__}.espeak")
    quiet.setLevel(logging.ERROR)
    return EspeakBackend(
        language,
        with_stress=True,
        preserve_punctuation=preserve_punctuation,
        language_switch=language_switch,
        logger=quiet,
    )
