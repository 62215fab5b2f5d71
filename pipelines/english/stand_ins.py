"""Words that espeak-ng reads in place of those whose pronunciation is given.

The sentence around a word changes how its neighbours sound: `the` and `a` before a vowel, an r
between vowels. So a word of the same kind stands in for it, and its sounds are replaced afterwards.
"""

from __future__ import annotations

import re

from pipelines.english.marks import WORDS, Words

_CONSONANT, _VOWEL = "zhazhi", "ozhizho"
"""No sounds of other words are like theirs."""

_SOUNDS = re.compile(r"[ˈˌ]?(?:ʒ[ˈˌ]?[æaɐ]ː?ʒ[aɑ]ɪ|[ɑɒɐɔ]ː?[ˈˌ]?ʒ[ˈˌ]?ɪʒ(?:oʊ|əʊ))")
_MARKED = re.compile(rf"[^\W\d_]*(?:['’-][^\W\d_]+)*[{WORDS}]")
_BEGINS_WITH_VOWEL = re.compile(r"[ˈˌ]*[aeiouæɑɐɒɔəɛɜɪʊʌᵻɚAIOQWY]")
_RHOTIC_END = re.compile(r"(?:ə|ɔː|ɑː|ɜː|eə|iə|ʊə)$")
_VOWEL_NEXT = re.compile(r" ?[ˈˌ]*[aeiouæɑɐɒɔəɛɜɪʊʌᵻ]")


class StandIns:
    """Those of one text: `put` them in before it is read, `take` them out of its sounds."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._phonemes: list[str] = []

    def put(self, text: str) -> str:
        """`text` with a stand-in for each marked word."""
        return _MARKED.sub(lambda m: self._stand_in(m[0]), text)

    def _stand_in(self, marked: str) -> str:
        phonemes = self._words.spoken(marked[-1]).phonemes
        self._phonemes.append(phonemes)
        return _VOWEL if _BEGINS_WITH_VOWEL.match(phonemes) else _CONSONANT

    def take(self, sounds: str) -> str:
        """`sounds` with those of the words instead of the stand-ins'."""
        phonemes = iter(self._phonemes)
        return _SOUNDS.sub(lambda _: next(phonemes, ""), sounds)
