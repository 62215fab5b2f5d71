"""Pauses, melody and level in long texts, where chunks meet and inside them.

Speaks long texts and looks at every place between two words. What stands between them in the text
says what is due there: nothing, a clause, a sentence or a paragraph. The place is a seam if two
chunks meet in it.

- Pause: the longest silence there (40 dB below the louder frames), in seconds.
- Melody: semitones from the median F0 of the last 0.2 s that are voiced before to that of the first
  0.2 s behind. Seams should jump as places of the same kind inside a chunk do: the table gives the
  median and the 90th percentile of the size.
- Level: dB from the last 0.3 s of speech before to the first 0.3 s behind.

    python -m benchmarks.pauses --store pauses.jsonl [--texts 40] [--report]

Texts that are in the store are not spoken again, so that it can be stopped and goes on. Needs the
weights (`bernie fetch kokoro`).
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import stored_lines
from benchmarks.long_texts import long_texts
from pipelines.bare import BarePipeline
from pipelines.protocol import SpeechRequest, Utterance, Waveform, Word
from pipelines.settings import PipelineSettings

WANTED = {
    "none": (0.0, 0.25),
    "clause": (0.1, 0.35),
    "sentence": (0.3, 0.7),
    "paragraph": (0.6, 1.2),
}
VOICES = ("af_heart", "am_michael", "bf_emma", "bm_george")
_FRAME_SECONDS = 0.005
_QUIET = 10 ** (-40 / 20)
_F0_SECONDS, _F0_RATE = 0.2, 80.0
_VOICED_HZ = 60.0
_LEVEL_SECONDS = 0.3
_MARKS = (
    ("paragraph", re.compile(r"\n\s*\n")),
    ("sentence", re.compile(r"[.!?…]|\n")),
    ("clause", re.compile(r"[,;:—–()]")),
)
_TITLES = ("Dr", "Mr", "Mrs", "Ms", "Prof", "St")


def kind_between(text: str, before: Word, after: Word) -> str:
    """What is due between two words, by the marks in the text. A point inside a word is none."""
    between = text[before.end : after.begin]
    abbreviated = text[after.begin].islower() or text[before.begin : before.end] in _TITLES
    if between == ". " and abbreviated:
        return "none"
    return next((kind for kind, mark in _MARKS if mark.search(between)), "none")


def places(pipeline: BarePipeline, text: str, voice: str) -> Iterator[dict[str, Any]]:
    """Every place between two words of a spoken text."""
    request = SpeechRequest(text, voice, seed=1)
    rate = pipeline.sample_rate
    spoken = [(each, pipeline.utterance(each)) for each in pipeline.acoustics(request)]
    whole = np.concatenate([made.waveform for _, made in spoken])
    levels = _levels(whole, rate)
    start = 0.0
    last: tuple[Word, Word, Any, float] | None = None
    for acoustic, made in spoken:
        words = list(zip(acoustic.words, _moved(made, start), strict=True))
        if last and words:
            yield _place(text, last, (*words[0], acoustic), levels, seam=True)
        for before, after in pairwise(words):
            yield _place(text, (*before, acoustic), (*after, acoustic), levels, seam=False)
        start += len(made.waveform) / rate
        last = (*words[-1], acoustic) if words else last


def _moved(made: Utterance, start: float) -> list[Word]:
    return [replace(w, start=start + w.start, stop=start + w.stop) for w in made.words]


def _place(text: str, before: Any, after: Any, levels: Any, *, seam: bool) -> dict[str, Any]:
    (uncut_before, word_before, one), (uncut_after, word_after, other) = before, after
    return {
        "kind": kind_between(text, word_before, word_after),
        "seam": seam,
        "pause": _silence(levels, word_before.stop, word_after.start),
        "jump": _jump(one.f0, uncut_before.stop, other.f0, uncut_after.start),
        "level": _step(levels, word_before.stop, word_after.start),
        "words": [text[word.begin : word.end] for word in (word_before, word_after)],
    }


def _levels(wave: Waveform, rate: int) -> np.ndarray[Any, Any]:
    size = round(_FRAME_SECONDS * rate)
    frames = wave[: len(wave) // size * size].reshape(-1, size).astype(np.float64)
    levels = np.sqrt(np.square(frames).mean(axis=1))
    return levels / np.percentile(levels, 90)


def _silence(levels: Any, stop: float, start: float) -> float:
    """The longest silence that touches the time between two words."""
    quiet = levels < _QUIET
    first = max(0, round((min(stop, start) - 0.06) / _FRAME_SECONDS))
    last = min(len(quiet), round((max(stop, start) + 0.06) / _FRAME_SECONDS))
    longest = 0
    for at in range(first, last):
        if quiet[at] and (at == first or not quiet[at - 1]):
            begin, end = at, at
            while begin > 0 and quiet[begin - 1]:
                begin -= 1
            while end + 1 < len(quiet) and quiet[end + 1]:
                end += 1
            longest = max(longest, end - begin + 1)
    return longest * _FRAME_SECONDS


def _jump(one: Any, stop: float, other: Any, start: float) -> float | None:
    """Semitones from the end of one stretch of F0 to the begin of another."""
    width = round(_F0_SECONDS * _F0_RATE)
    before = _voiced(one[: round(stop * _F0_RATE)])[-width:]
    after = _voiced(other[round(start * _F0_RATE) :])[:width]
    if not len(before) or not len(after):
        return None
    return float(12 * np.log2(np.median(after) / np.median(before)))


def _voiced(f0: Any) -> Any:
    return f0[f0 > _VOICED_HZ]


def _step(levels: Any, stop: float, start: float) -> float | None:
    size = round(_LEVEL_SECONDS / _FRAME_SECONDS)
    before = levels[: round(stop / _FRAME_SECONDS)]
    after = levels[round(start / _FRAME_SECONDS) :]
    before, after = before[before > _QUIET][-size:], after[after > _QUIET][:size]
    if not len(before) or not len(after):
        return None
    return float(20 * np.log10(np.sqrt(np.mean(after**2)) / np.sqrt(np.mean(before**2))))


def speak(store: Path, count: int, threads: int) -> None:
    """Speaks the texts that the store lacks."""
    done = {line["text"] for line in stored_lines.read(store)}
    pipeline: BarePipeline | None = None
    for number, text in enumerate(long_texts(count)):
        if number in done:
            continue
        pipeline = pipeline or BarePipeline(
            "styletts2", "kokoro", PipelineSettings(threads=threads)
        )
        found = list(places(pipeline, text, VOICES[number % len(VOICES)]))
        stored_lines.add(store, {"text": number, "places": found})


def within(store: Path) -> dict[str, float]:
    """The share of places of each kind whose pause is as it should be."""
    return {
        f"pauses_{kind}_{'seam' if seam else 'inside'}": _within(places, kind)
        for (kind, seam), places in sorted(_groups(store).items())
    }


def _groups(store: Path) -> dict[tuple[str, bool], list[dict[str, Any]]]:
    """Places by what is between the words, and whether they are seams."""
    groups: dict[tuple[str, bool], list[dict[str, Any]]] = defaultdict(list)
    for line in stored_lines.read(store):
        for place in line["places"]:
            groups[place["kind"], place["seam"]].append(place)
    return groups


def _within(places: list[dict[str, Any]], kind: str) -> float:
    low, high = WANTED[kind]
    fits = sum(low - _FRAME_SECONDS <= p["pause"] <= high + _FRAME_SECONDS for p in places)
    return fits / len(places)


def report(store: Path, console: Console) -> None:
    groups = _groups(store)
    table = Table(
        *("between words", "at", "places", "pause, median s", "5 % to 95 %", "goal", "within"),
        *("F0, semitones", "90 %", "level, dB", "90 %"),
    )
    for kind, (low, high) in WANTED.items():
        for seam in (False, True):
            found = groups[kind, seam]
            if not found:
                continue
            seconds = [place["pause"] for place in found]
            table.add_row(
                *(kind, "seam" if seam else "inside", str(len(found)), f"{median(seconds):.2f}"),
                f"{np.percentile(seconds, 5):.2f} to {np.percentile(seconds, 95):.2f}",
                *(f"{low} to {high}", f"{_within(found, kind):.0%}"),
                *_sizes([p["jump"] for p in found if p["jump"] is not None]),
                *_sizes([p["level"] for p in found if p["level"] is not None]),
            )
    console.print(table)


def _sizes(values: list[float]) -> tuple[str, str]:
    sizes = np.abs(values) if values else np.zeros(1)
    return f"{np.median(sizes):.1f}", f"{np.percentile(sizes, 90):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report", action="store_true", help="only print what is in the store")
    options = parser.parse_args()
    if not options.report:
        speak(options.store, options.texts, options.threads)
    report(options.store, Console(width=150))


if __name__ == "__main__":
    main()
