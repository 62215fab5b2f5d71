"""Utterances that are hard to read: names, numbers, long sentences and heteronyms, 300 in all."""

from __future__ import annotations

from pathlib import Path

HARD = Path(__file__).with_name("hard.tsv")
HETERONYMS = Path(__file__).parent.parent / "tests" / "pipelines" / "english" / "heteronyms.tsv"
_HETERONYMS = 120


def hard_utterances() -> list[tuple[str, str]]:
    """The group of each and its text; heteronyms are every so many lines of the table of tests."""
    own = [tuple(line.split("\t")) for line in _lines(HARD)]
    table = [line.split("\t")[2] for line in _lines(HETERONYMS)]
    picked = [table[place * len(table) // _HETERONYMS] for place in range(_HETERONYMS)]
    return [*((group, text) for group, text in own), *(("heteronyms", text) for text in picked)]


def _lines(path: Path) -> list[str]:
    lines = path.read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
