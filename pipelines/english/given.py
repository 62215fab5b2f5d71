"""Pronunciations that are given for words wherever they are written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipelines.english.characters import drop_marks
from pipelines.english.marks import Words
from pipelines.english.markup import Pronounce
from pipelines.protocol import Pronunciation


def say_as_given(
    text: str, given: Sequence[Pronunciation], words: Words, pronounce: Pronounce
) -> str:
    """`text` with the aliases, and marks for the words whose sounds are given. Of several for the
    same words the first counts, of overlapping ones the longest. What takes their place is not
    looked at again."""
    if not given:
        return text
    known: dict[str, Pronunciation] = {}
    for each in given:
        known.setdefault(each.written, each)
    longest_first = sorted(known, key=len, reverse=True)
    either = "|".join(map(re.escape, longest_first))

    def said(match: re.Match[str]) -> str:
        each = known[match[0]]
        if each.alias:
            return drop_marks(each.alias)
        phonemes = pronounce(each.ipa)
        return f" {words.mark(match[0], phonemes)}" if phonemes else match[0]

    return re.sub(rf"(?<!\w)(?:{either})(?!\w)", said, text)
