"""Words with letters held on to, as people write what they shout: `Nooooo`."""

from __future__ import annotations

import re

from pipelines.english.context import is_word

_STRETCHED = re.compile(
    r"(?<![\w.@/])(?=[A-Za-z]{3,60}\b)[A-Za-z]*?([A-Za-z])(?i:\1){2,}[A-Za-z]*\b(?![@/.]\w)"
)
_RUN = re.compile(r"([A-Za-z])(?i:\1){2,}")
_INITIALISM = re.compile(r"[A-Z]{1,4}|[A-Z]{1,3}s|www|[IVXLCDM]+|[ivxlcdm]+")


def unstretch(text: str) -> str:
    """`Nooooo` as `No`, `goooood` as `good`; `www` and `AAA` stay."""
    return _STRETCHED.sub(lambda m: _plain(m[0]), text)


def _plain(word: str) -> str:
    if _INITIALISM.fullmatch(word):
        return word
    twice = _RUN.sub(lambda m: m[0][:2], word)
    if is_word(twice.lower()):
        return twice
    return _RUN.sub(lambda m: m[0][:1], word)
