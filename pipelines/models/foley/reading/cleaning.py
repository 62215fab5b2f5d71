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
    (re.compile(r"\bw/(?= ?\w)"), "with "),
    (re.compile(r"\bsfx\b|\bsound (?:effects?|fx)\b"), "sound"),
)
_SPACES = re.compile(r"\s+")


def clean(prompt: str) -> str:
    """Small letters on one line: without tags, emphasis and pictures, arrows as words, lines and
    dashes as commas."""
    text = _ARROW.sub(", then ", html.unescape(prompt))
    text = _TAG.sub(" ", text).lower()
    text = _LINE.sub(", ", text.strip().removeprefix("- "))
    text = _LEFT_OUT.sub("no ", _DASH.sub(", ", text))
    text = "".join(" " if _is_picture(letter) else letter for letter in text.translate(_MARKS))
    for pattern, plain in _PLAIN:
        text = pattern.sub(plain, text)
    return _SPACES.sub(" ", text).strip(" .,;!?:")


def _is_picture(letter: str) -> bool:
    return not letter.isascii() and unicodedata.category(letter) in ("So", "Sk", "Cf", "Mn", "Co")
