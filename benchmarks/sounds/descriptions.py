"""Whether Foley does what descriptions say: counts, negation, order, course, single events, level.

    python -m benchmarks.sounds.descriptions [--group count] [--json FILE]

makes every prompt of `descriptions.tsv` and judges it by measures of the audio. It exits with 1
where fewer than 90 % are right.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.sounds.hearing import Listener, Samples, levels, onsets
from pipelines import registry
from pipelines.audio.joining import LevelNormalizer
from pipelines.models.foley.catalogue import SOUNDS
from pipelines.models.foley.segments import FoleySegment
from pipelines.protocol import InvalidInput
from pipelines.requests.sound import SAMPLE_RATE, SoundRequest
from pipelines.settings import PipelineSettings

TABLE = Path(__file__).with_name("descriptions.tsv")
NAMES = ("make-an-audio", "foley")
RIGHT = 0.90
LOUDER_DECIBELS = 8.0
"""Between the first and the last quarter of what grows or fades."""
PEAK_DECIBELS = 6.0
QUIETER_DECIBELS, LOUD_DECIBELS = -5.0, 3.0
"""Against the level that is set."""
SILENT = -60.0
"""dB of full scale."""
SINGLE_SECONDS = 5.0
"""Of 20: where a single event and its echo lie."""
TEMPO = 1.4
"""Ratio of the events in the faster half to those in the slower."""


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt. `expected` is read by the judge of its group."""

    group: str
    prompt: str
    seconds: float
    expected: str


@dataclass(frozen=True, slots=True)
class Sound:
    """What came of a prompt; without `wave` it was refused."""

    wave: Samples | None
    note: str = ""


def rows() -> list[Row]:
    with TABLE.open(encoding="utf-8") as lines:
        return [
            Row(line["group"], line["prompt"], float(line["seconds"]), line["expected"])
            for line in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]


class Maker:
    """Foley as the service runs it, from the check at the edge to the joiner."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._frontend = registry.load_frontend(*NAMES, settings)
        self._diffusion = registry.load_diffusion(*NAMES, settings)
        self._vocoder = registry.load_vocoder(*NAMES, settings)

    def make(self, row: Row, seed: int = 0) -> Sound:
        request = SoundRequest(row.prompt, row.seconds, seed=seed)
        try:
            registry.check(*NAMES, request, self._settings)
            [[segment]] = self._frontend.prepare([request])
        except InvalidInput:
            return Sound(None)
        assert isinstance(segment, FoleySegment)
        acoustics = self._diffusion.finish(self._diffusion.begin([segment]))
        [wave] = self._vocoder.synthesize(acoustics)
        return Sound(registry.joiner(*NAMES, self._settings).add(wave), segment.note)


def judge_count(wave: Samples, expected: str) -> str:
    """Empty where the number of onsets is right, else what was found."""
    found = len(onsets(wave))
    return "" if found == int(expected) else f"{found} onsets"


def judge_single(wave: Samples, expected: str) -> str:
    """One onset, and silence after the event has died away."""
    wrong = judge_count(wave, expected)
    rest = float(levels(wave[round(SINGLE_SECONDS * SAMPLE_RATE) :], 1)[0])
    return wrong or ("" if rest < SILENT else f"{rest:.0f} dBFS after {SINGLE_SECONDS:.0f} s")


def judge_negation(listener: Listener, wave: Samples, expected: str) -> str:
    """What is wanted is heard more often than anything that is not, which is hardly heard."""
    wanted, unwanted = expected.split()[0], [it[1:] for it in expected.split()[1:]]
    names = listener.named(wave, among=[wanted, *unwanted])
    share = sum(name == wanted for name in names) / max(1, len(names))
    return "" if share >= 0.8 else f"{wanted} in {share:.0%} of the time"


def judge_order(listener: Listener, wave: Samples, expected: str) -> str:
    """The expected kinds, each heard, one after the other."""
    kinds = expected.split(">")
    names = listener.named(wave, among=kinds)
    times = [[number for number, name in enumerate(names) if name == kind] for kind in kinds]
    if not all(times):
        return "not heard: " + ", ".join(k for k, t in zip(kinds, times, strict=True) if not t)
    middles = [float(np.median(each)) for each in times]
    swapped = sum(kinds.index(a) > kinds.index(b) for a, b in pairwise(names))
    good = middles == sorted(middles) and swapped <= 1
    return "" if good else " ".join(name for name, _ in groupby(names))


def judge_course(wave: Samples, expected: str) -> str:
    first, second, third, fourth = levels(wave, 4)
    middle = max(second, third)
    times = onsets(wave)
    half = len(wave) / SAMPLE_RATE / 2
    early, late = float(np.sum(times < half)), float(np.sum(times >= half))
    eighths = levels(wave, 12)
    inner = eighths[1:-1]
    peaks = int(
        np.sum((inner > eighths[:-2]) & (inner >= eighths[2:]) & (inner > eighths.max() - 8))
    )
    right = {
        "up": fourth - first >= LOUDER_DECIBELS and fourth > second,
        "down": first - fourth >= LOUDER_DECIBELS and first > third,
        "peak": middle - first >= PEAK_DECIBELS and middle - fourth >= PEAK_DECIBELS,
        "stop": fourth < SILENT and first > SILENT / 1.5,
        "start": first < SILENT and fourth > SILENT / 1.5,
        "tide": peaks >= 2 and eighths.max() - eighths.min() > LOUDER_DECIBELS,
        "faster": late >= TEMPO * early,
        "slower": early >= TEMPO * late,
    }[expected]
    return "" if right else f"{np.round(levels(wave, 4))} dB, onsets {early:.0f} and {late:.0f}"


def judge_level(settings: PipelineSettings, wave: Samples, expected: str) -> str:
    meter = LevelNormalizer(settings.sound_level, SAMPLE_RATE)
    off = meter.level_of(np.asarray(wave, np.float32)) - settings.sound_level
    right = {
        "quiet": off <= QUIETER_DECIBELS,
        "loud": off >= LOUD_DECIBELS,
        "usual": abs(off) <= 1,
    }[expected]
    return "" if right else f"{off:+.1f} dB"


def judge_unknown(sound: Sound, expected: str) -> str:
    found = "refused" if sound.wave is None else "note" if sound.note else "plain"
    return "" if found == expected else found


def judges(
    settings: PipelineSettings, listener: Listener | None
) -> dict[str, Callable[[Samples, str], str]]:
    """By group. Without a listener those that need none."""
    own: dict[str, Callable[[Samples, str], str]] = {
        "count": judge_count,
        "single": judge_single,
        "course": judge_course,
        "level": lambda wave, expected: judge_level(settings, wave, expected),
    }
    if listener is not None:
        own["negation"] = lambda wave, expected: judge_negation(listener, wave, expected)
        own["order"] = lambda wave, expected: judge_order(listener, wave, expected)
    return own


def wrong(sound: Sound, row: Row, judge: dict[str, Callable[[Samples, str], str]]) -> str:
    """What is wrong with the sound of a row, empty where it is right."""
    if row.group == "unknown":
        return judge_unknown(sound, row.expected)
    return "refused" if sound.wave is None else judge[row.group](sound.wave, row.expected)


def show(console: Console, table: Sequence[Row], faults: dict[str, str]) -> float:
    """Prints the table; returns the share that is right."""
    shown = Table("group", "prompts", "right", "")
    for group in dict.fromkeys(row.group for row in table):
        prompts = [row.prompt for row in table if row.group == group]
        right = sum(not faults[prompt] for prompt in prompts)
        shown.add_row(group, str(len(prompts)), str(right), f"{right / len(prompts):.0%}")
    share = sum(not fault for fault in faults.values()) / len(table)
    shown.add_row("all", str(len(table)), "", f"{share:.0%}")
    console.print(shown)
    for row in table:
        if fault := faults[row.prompt]:
            console.print(f"{row.group}: {row.prompt} ({row.expected}): {fault}", markup=False)
    return share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--group")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    settings = PipelineSettings()
    table = [row for row in rows() if given.group in (None, row.group)]
    heard = any(row.group in ("negation", "order") for row in table)
    judge = judges(settings, Listener(list(SOUNDS)) if heard else None)
    maker = Maker(settings)
    faults = {row.prompt: wrong(maker.make(row, given.seed), row, judge) for row in table}
    share = show(Console(), table, faults)
    if given.json:
        given.json.write_text(json.dumps(faults, indent=1, ensure_ascii=False))
    raise SystemExit(share < RIGHT)


if __name__ == "__main__":
    main()
