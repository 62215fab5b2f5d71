"""Captions of a clip of speech, from the times of its words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.english.markup import blanked
from pipelines.protocol import Word

LINE_CHARACTERS = 42
CUE_CHARACTERS = 2 * LINE_CHARACTERS
"""Two lines, as broadcasters have it."""
CUE_SECONDS = 6.0
PAUSE_SECONDS = 0.6
"""Of silence, after which another cue begins."""
_LINGER = 0.5
"""Seconds that a cue stays after its last word, if the next leaves it the time."""
_SENTENCE_END = re.compile(r"[.!?…][\"')\]”’]*\s*$")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption: what is shown from `start` to `stop`, in seconds."""

    start: float
    stop: float
    text: str


def shown(text: str, *, literal: bool) -> str:
    """The text of a clip as captions show it: of the same length, without its markup."""
    return text if literal else blanked(text)


def cues(text: str, words: Sequence[Word], end: float) -> list[Cue]:
    """The captions of a text as it is `shown`, of a clip that ends at `end` seconds. One ends with
    a sentence, before a pause, and where it would be too long to read or to show."""
    if not words:
        return []
    groups: list[list[Word]] = []
    for word in words:
        if not groups or _ends_before(text, groups[-1], word):
            groups.append([])
        groups[-1].append(word)
    following = [group[0] for group in groups[1:]]
    stops = [word.begin for word in following] + [len(text)]
    latest = [word.start for word in following] + [max(end, words[-1].stop)]
    return [
        Cue(
            group[0].start,
            min(group[-1].stop + _LINGER, next_start),
            _tidy(text[group[0].begin : stop]),
        )
        for group, stop, next_start in zip(groups, stops, latest, strict=True)
    ]


def _ends_before(text: str, group: Sequence[Word], word: Word) -> bool:
    between = text[group[-1].end : word.begin]
    if _SENTENCE_END.search(between) or word.start - group[-1].stop > PAUSE_SECONDS:
        return True
    length = len(_tidy(text[group[0].begin : word.end]))
    return length > CUE_CHARACTERS or word.stop - group[0].start > CUE_SECONDS


def _tidy(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def srt(found: Sequence[Cue]) -> str:
    """SubRip."""
    blocks = [
        f"{number}\n{_time(cue.start, ',')} --> {_time(cue.stop, ',')}\n{_lines(cue.text)}\n"
        for number, cue in enumerate(found, 1)
    ]
    return "\n".join(blocks)


def vtt(found: Sequence[Cue]) -> str:
    """WebVTT."""
    blocks = [
        f"{_time(cue.start, '.')} --> {_time(cue.stop, '.')}\n{_lines(_escaped(cue.text))}\n"
        for cue in found
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(seconds: float, point: str) -> str:
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def _lines(text: str) -> str:
    """In two lines of nearly equal length where it does not fit into one."""
    if len(text) <= LINE_CHARACTERS:
        return text
    spaces = [place for place, letter in enumerate(text) if letter == " "]
    if not spaces:
        return text
    middle = min(spaces, key=lambda place: abs(place - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"
