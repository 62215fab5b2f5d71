"""Which language's rules read the words of each script.

The voices are English, so other languages are spoken with an English accent, but with the sounds
of the right words. Scripts that espeak-ng cannot read are refused: it would name their letters one
by one instead. So is Japanese with kanji, whose readings it does not know.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

from pipelines.english.characters import is_latin, script
from pipelines.protocol import InvalidInput

LANGUAGES = {
    "ARABIC": "ar",
    "ARMENIAN": "hy",
    "BENGALI": "bn",
    "CJK": "cmn",
    "CYRILLIC": "ru",
    "DEVANAGARI": "hi",
    "ETHIOPIC": "am",
    "GEORGIAN": "ka",
    "GREEK": "el",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KANNADA": "kn",
    "KATAKANA": "ja",
    "MALAYALAM": "ml",
    "ORIYA": "or",
    "SINHALA": "si",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
}
"""espeak-ng's language for each script, by the first word of its letters' Unicode names."""


def check_scripts(text: str) -> None:
    """Raises InvalidInput (`unsupported_script`) for letters that no voice can read."""
    used = {script(c) for c in set(text) if c.isalpha() and not is_latin(c)}
    unknown = sorted(used - LANGUAGES.keys())
    if unknown:
        names = ", ".join(name.title() for name in unknown)
        raise InvalidInput("text", f"No voice can read this script: {names}.", "unsupported_script")
    if "CJK" in used and used & {"HIRAGANA", "KATAKANA"}:
        message = "No voice can read kanji in Japanese text; write the words in kana."
        raise InvalidInput("text", message, "unsupported_script")


def language_runs(words: str, language: str) -> list[tuple[str, str]]:
    """`words` cut where the language that reads them changes: pairs of language and words.

    Latin letters, and single Greek ones as in mathematics, are read in `language`. What is no
    letter stays with the letters before it.
    """
    languages: list[str] = []
    for character in words:
        if character.isalpha():
            foreign = not is_latin(character)
            languages.append(LANGUAGES.get(script(character), language) if foreign else language)
        else:
            languages.append(languages[-1] if languages else language)
    runs: list[tuple[str, str]] = []
    for read_in, members in groupby(zip(languages, words, strict=True), key=itemgetter(0)):
        run = "".join(character for _, character in members)
        if read_in == "el" and sum(map(str.isalpha, run)) == 1:
            read_in = language
        if runs and runs[-1][0] == read_in:
            run = runs.pop()[1] + run
        runs.append((read_in, run))
    return runs
