"""Which words of a text need a pronunciation of their own, and which one."""

from __future__ import annotations

from functools import cache

from pipelines.english.context import DATA, tokens
from pipelines.english.heteronyms import choose
from pipelines.english.marks import Words, is_word


def pronounce(text: str, language: str, words: Words) -> str:
    """`text` with a mark behind each word that espeak-ng would read in another way, or not know."""
    found = tokens(text)
    bare = [word for word, _ in found]
    out: list[str] = []
    end = 0
    for place, (word, begin) in enumerate(found):
        sounds = _sounds(bare, place, language)
        after = begin + len(word)
        if sounds is None or (after < len(text) and is_word(text[after])):
            continue
        out += [text[end:after], words.mark("", sounds)]
        end = after
    return "".join([*out, text[end:]])


def _sounds(words: list[str], place: int, language: str) -> str | None:
    known = _known().get(words[place])
    if known and not (words[place] == "AM" and place and words[place - 1] == "I"):
        return known[0] if language == "en-us" else known[1]
    reading = choose(words, place)
    return reading.sounds(language) if reading else None


@cache
def _known() -> dict[str, tuple[str, str]]:
    """Words that espeak-ng does not know, with their sounds in `en-us` and `en-gb`."""
    table: dict[str, tuple[str, str]] = {}
    for line in (DATA / "words.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            word, american, british = line.split("\t")
            table[word] = american, british
    return table
