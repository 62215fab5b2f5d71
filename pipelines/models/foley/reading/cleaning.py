"""A prompt as it was typed to plain small letters."""

from __future__ import annotations

import html
import re
import unicodedata

_ARROW = re.compile(r"\s*(?:-+>|=+>|→|➔|➡|⇒|>>+)\s*")
_TAG = re.compile(r"</?[a-z!][^<>]*>", re.IGNORECASE)
_LINE = re.compile(r"\s*[\r\n]+\s*(?:[-*•]\s+)?")
_DASH = re.compile(r"\s+-+\s+|--+")
_LEFT_OUT = re.compile(r"(?:(?<=\s)|^)-(?=[a-z]{3})")
_MARKS = str.maketrans(
    {"’": "'", "‘": "'", "–": ",", "—": ",", "“": " ", "”": " ", '"': " ", "…": ".", "×": "x"}
    | dict.fromkeys("<>[]{}*_~`#|\\", " ")
)
_PLAIN = (
    (re.compile(r"\bw/o\b"), "without"),
    (re.compile(r"(?<![\d.,-])\b0(?= [a-z]{3})"), "zero"),
    (re.compile(r"\bw/(?= ?\w)"), "with "),
    (re.compile(r"\bsfx\b|\bsound (?:effects?|fx)\b"), "sound"),
)
_AGAIN = re.compile(r"\b([a-z]+)[!.,]+ (?=\1\b)")
_SPACES = re.compile(r"\s+")


def clean(prompt: str) -> str:
    """Small letters on one line: without tags, emphasis and pictures, arrows as words, lines and
    dashes as commas."""
    text = _TAG.sub(" ", _ARROW.sub(", then ", unicodedata.normalize("NFC", prompt)))
    text = _ARROW.sub(", then ", html.unescape(text)).lower()
    text = _LINE.sub(", ", text.strip().removeprefix("- "))
    text = _LEFT_OUT.sub("no ", _DASH.sub(", ", text))
    text = "".join(_plain(letter) for letter in text.translate(_MARKS))
    for pattern, plain in _PLAIN:
        text = pattern.sub(plain, text)
    return _AGAIN.sub(r"\1 ", _SPACES.sub(" ", text)).strip(" .,;!?:")


def _plain(letter: str) -> str:
    """A letter; a space for a picture, and nothing for what only changes other letters."""
    kind = "" if letter.isascii() else unicodedata.category(letter)
    return {"So": " ", "Sk": "", "Cf": "", "Mn": "", "Co": " ", "Cs": " "}.get(kind, letter)
