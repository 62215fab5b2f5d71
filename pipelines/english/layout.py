"""Lines to sentences: paragraphs, headings, lists and short lines each end where they are seen to.

Lines that were only wrapped are joined.
"""

from __future__ import annotations

import re

from pipelines.english.marks import LINE, PARAGRAPH

_BULLET = re.compile(r"(?:[-*+•–>]|(?P<heading>#+))\s+|(?P<number>\d{1,3})[.)]\s+")
_SHORT_LINE = 45
_WRAPPED = 0.72
"""A line of a wrapped paragraph is at least this long, as a part of the longest."""
_NEW = re.compile(r"[\"'“‘(]?[A-Z\d]")
_UNFINISHED = re.compile(
    r"(?:[,;:(–—-]|\b(?:a|an|the|and|or|but|nor|of|to|in|on|at|by|for|from|with|into|onto|about|as|"
    r"than|that|which|who|whose|my|your|his|her|its|our|their|this|these|those|is|are|was|were|be|"
    r"been|has|have|had|will|would|can|could|should|may|might|must|do|does|did|not|very|if|when|"
    r"because|while|where|after|before|between|under|over|through|like|near|Mr|Mrs|Ms|Dr|St)\.?)$",
    re.I,
)
_ENDED = tuple(".,;:!?-—–…")


def lay_out(text: str) -> str:
    """The lines of `text` as one, with `PARAGRAPH` after paragraphs and headings, `LINE` after the
    items of lists and lines that stand alone."""
    blocks: list[list[str]] = [[]]
    for line in map(str.strip, text.split("\n")):
        bullet = _BULLET.match(line)
        if not line:
            blocks.append([])
        elif bullet and bullet["heading"]:
            blocks += [[line[bullet.end() :]], []]
        else:
            blocks[-1].append(line)
    *said, last = [_block(lines) for lines in blocks if lines] or [""]
    return f" {PARAGRAPH} ".join([*map(_finish, said), last])


def _block(lines: list[str]) -> str:
    """The lines of one paragraph: list items and lines that are short by intent are sentences."""
    longest = max(map(len, lines))
    parts: list[str] = []
    for place, line in enumerate(lines):
        bullet = _BULLET.match(line)
        if bullet and parts:
            parts[-1] = _line(parts[-1])
        if bullet:
            number = bullet["number"]
            line = (f"{number}. " if number else "") + line[bullet.end() :]
        following = lines[place + 1] if place + 1 < len(lines) else ""
        if following and not _BULLET.match(following) and _stands_alone(line, following, longest):
            line = _line(line)
        if line:
            parts.append(line)
    return " ".join(parts)


def _stands_alone(line: str, following: str, longest: int) -> bool:
    """Whether a line was ended on purpose rather than wrapped."""
    short = len(line) < _SHORT_LINE or len(line) < _WRAPPED * longest
    return short and bool(_NEW.match(following)) and not _UNFINISHED.search(line)


def _line(text: str) -> str:
    return text if text.endswith(LINE) else f"{_finish(text)} {LINE}"


def _finish(line: str) -> str:
    return line if line.rstrip(")\"' ").endswith(_ENDED) else line + "."
