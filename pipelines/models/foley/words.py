"""Words that name the traits of a sound: speed, pitch, intensity, distance, space."""

from __future__ import annotations

import re

from pipelines.models.foley.synthesis.sound import DISTANCE, INTENSITY, PITCH, SPACE, SPEED

WORDS: dict[str, tuple[str, str]] = {
    SPEED: (
        "slow slowly unhurried leisurely sluggish lazy lazily calm calmly slower",
        "fast quick quickly rapid rapidly hurried swift swiftly brisk speedy hasty frantic faster",
    ),
    PITCH: (
        "deep low low-pitched bass deeper lower booming",
        "high high-pitched shrill squeaky piercing higher treble tiny",
    ),
    INTENSITY: (
        "gentle gently light lightly soft softly weak faint faintly "
        "mild quiet quietly small little drizzle drizzling patter pattering sprinkle trickle",
        "heavy heavily strong strongly intense violent violently powerful hard fierce loud loudly "
        "huge massive furious downpour torrential torrent pouring deluge roaring raging gale "
        "thunderous mighty",
    ),
    DISTANCE: (
        "close close-up near nearby",
        "distant distance far faraway afar muffled",
    ),
    SPACE: (
        "dry",
        "echoing echo echoes echoey reverberant reverb hall cave cathedral tunnel cavernous",
    ),
}
"""For each trait the words of its low and of its high end."""

_ENDS = {
    word: (trait, end)
    for trait, ends in WORDS.items()
    for end, words in zip((-1, 1), ends, strict=True)
    for word in words.split()
}
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")


def traits_in(text: str) -> dict[str, int]:
    """The traits that a text names, -1 or 1 each. If it names both ends, the last word counts."""
    ends = (_ENDS[word] for word in _WORD.findall(text.lower()) if word in _ENDS)
    return dict(ends)


def without_traits(text: str) -> str:
    """The text without the words that name traits; the whole text if nothing would be left."""
    rest = _WORD.sub(lambda word: "" if word[0] in _ENDS else word[0], text.lower())
    return " ".join(rest.split()) or text
