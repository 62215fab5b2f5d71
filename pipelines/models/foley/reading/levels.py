"""How loud a description says that a sound is."""

from __future__ import annotations

import re

_VERY = r"(?:very|extremely|really|ever so|super|incredibly|extra|so|quite|too)"
_LEVELS = (
    (
        re.compile(
            r"\b(?:(?:barely|hardly|scarcely|almost in|nearly in|only just)[ -]?(?:audible|"
            r"audibly|heard|there|perceptible|perceptibly|noticeable|noticeably)|"
            r"(?:almost |nearly )?(?:inaudibl[ey]|imperceptibl[ey])|"
            r"(?:almost|nearly|practically) silent(?:ly)?)\b"
        ),
        -18.0,
    ),
    (re.compile(rf"\b{_VERY} (?:quiet|faint|soft|silent|low[- ]volume)(?:ly)?\b"), -16.0),
    (
        re.compile(
            r"\b(?:faint(?:ly)?|hushed|whisper[- ]quiet|low[- ]volume|"
            r"(?:at|with) (?:an? )?(?:very )?(?:low|minimal|reduced) (?:volume|level|loudness)|"
            r"volume (?:is )?(?:very )?low|very low (?:volume|level))\b"
        ),
        -12.0,
    ),
    (
        re.compile(
            r"\b(?:quiet(?:ly)?|silent(?:ly)?|subdued|muted|unobtrusive(?:ly)?|subtl[ey]|"
            r"understated|discreet(?:ly)?|not (?:at all |very |that |so |particularly )?loud"
            r"(?: at all)?)\b"
        ),
        -10.0,
    ),
    (re.compile(r"\bsoft(?:ly)?\b"), -6.0),
    (
        re.compile(
            r"\b(?:deafening(?:ly)?|ear-?splitting(?:ly)?|ear-?piercing|"
            rf"{_VERY} (?:loud|noisy)(?:ly)?|blaring|thunderously|"
            r"at (?:full|maximum|max|top) (?:volume|blast|level)|(?:full|max(?:imum)?) volume|"
            r"(?:at|with) (?:a )?(?:very )?high volume|high[- ]volume|"
            r"(?:at )?(?:the )?top of (?:its|his|her|their|the) lungs?|as loud as possible|"
            r"at full (?:tilt|throttle))\b"
        ),
        5.0,
    ),
    (re.compile(r"(?<!out )\b(?:loud(?:ly)?|noisily)\b"), 4.0),
)


def level_of(text: str) -> tuple[str, float]:
    """A text in small letters without what could be taken for a sound, and the level in dB over a
    sound of which nothing is said."""
    for pattern, decibels in _LEVELS:
        if found := pattern.search(text):
            rest = f"{text[: found.start()]} {text[found.end() :]}"
            return (text if _TRAIT.match(found[0]) else rest), decibels
    return text, 0.0


_TRAIT = re.compile(rf"(?:{_VERY} )?(?:quiet|faint|soft|loud)(?:ly)?$")
"""Words that also tell what a sound is like."""
