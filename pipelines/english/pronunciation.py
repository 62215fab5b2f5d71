"""Which words of a text need a pronunciation of their own, and which one."""

from __future__ import annotations

from functools import cache

from pipelines.english.context import DATA, tokens
from pipelines.english.heteronyms import choose, with_s
from pipelines.english.marks import Words, is_word
from pipelines.english.place import ENDS

_LETTER_A = "ˈeɪ"
_OPENING = "“(\"'‘"


def pronounce(text: str, language: str, words: Words) -> str:
    """`text` with a mark behind each word that espeak-ng would read in another way, or not know."""
    found = tokens(text)
    bare = [word for word, _ in found]
    out: list[str] = []
    end = 0
    for place, (word, begin) in enumerate(found):
        after = begin + len(word)
        lettered = word == "A" and _is_letter(bare, place) and text[begin - 1] not in _OPENING
        sounds = _LETTER_A if lettered else _sounds(bare, place, language)
        if sounds is None or (after < len(text) and is_word(text[after])):
            continue
        out += [text[end:after], words.mark("", sounds)]
        end = after
    return "".join([*out, text[end:]])


def _sounds(words: list[str], place: int, language: str) -> str | None:
    word, possessive, _ = words[place].replace("’", "'").partition("'s")
    known = _known().get(word)
    if known and not (word == "AM" and place and words[place - 1] == "I"):
        sounds = known[0] if language == "en-us" else known[1]
        return with_s(sounds, language) if possessive else sounds
    reading = choose(words, place)
    return reading.sounds(language) if reading else None


def _is_letter(words: list[str], place: int) -> bool:
    """Whether a capital `A` is the letter: inside a sentence, not among capitals as in a title."""
    before = words[place - 1] if place else "."
    after = words[place + 1] if place + 1 < len(words) else "."
    if before in ENDS or (before == "," and len(after) > 1):
        return False
    return not (_is_title_word(before) and _is_title_word(after))


def _is_title_word(word: str) -> bool:
    return len(word) > 1 and word[0].isupper()


@cache
def _known() -> dict[str, tuple[str, str]]:
    """Words and names that espeak-ng misreads, with their sounds in `en-us` and `en-gb`."""
    table: dict[str, tuple[str, str]] = {}
    for name in ("words.tsv", "names.tsv"):
        for line in (DATA / name).read_text("utf-8").splitlines():
            if not line.startswith("#"):
                word, american, british = line.split("\t")
                table[word] = american, british
    return table
