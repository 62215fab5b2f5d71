"""How texts are read: heteronyms by their sounds, and the pauses and the speed of what is spoken.

- Heteronyms: of the sentences in `tests/pipelines/english/heteronyms.tsv`, each of which decides
  how one word is said, those whose sounds are nearer to the right reading than to any other; with
  the front end as it is, and with espeak-ng alone.
- Pauses: silences (below -40 dB of the louder frames) where two chunks meet, by what is between
  them, in texts of several paragraphs with long sentences.
- Speed: how many times as long a text takes at speed 1 as at another, as a part of that speed.

    python -m benchmarks.reading [--texts 40] [--json reading.json]

Needs the weights for the last two (`bernie fetch kokoro`).
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from pipelines.bare import BarePipeline
from pipelines.english.chunking import Seam
from pipelines.english.heteronyms import readings
from pipelines.english.marks import Words
from pipelines.english.phonemes import phonemize
from pipelines.english.pronunciation import pronounce
from pipelines.models.styletts2.text import analyse
from pipelines.protocol import SpeechRequest, Waveform
from pipelines.settings import PipelineSettings

ROOT = Path(__file__).parent.parent
SENTENCES = ROOT / "tests" / "pipelines" / "english" / "heteronyms.tsv"
UTTERANCES = Path(__file__).with_name("utterances.txt")
WANTED = {
    Seam.NONE: (0.0, 0.25),
    Seam.CLAUSE: (0.1, 0.35),
    Seam.SENTENCE: (0.3, 0.7),
    Seam.PARAGRAPH: (0.6, 1.2),
}
SPEEDS = (0.25, 0.5, 0.8, 1.25, 1.5, 2.0, 3.0, 4.0)
_FRAME_SECONDS = 0.005
_QUIET = 10 ** (-40 / 20)
_WINDOW_SECONDS = 2.0


def heteronyms(*, with_readings: bool) -> tuple[int, int]:
    """Sentences whose word has the sounds of the right reading, and all."""
    right = total = 0
    for line in SENTENCES.read_text("utf-8").splitlines():
        if line.startswith("#") or not line:
            continue
        word, wanted, sentence = line.split("\t")
        found = readings(word.lower())
        names = [reading.name for reading in found]
        if len(found) < 2:
            continue
        words = Words()
        text = pronounce(sentence, "en-us", words) if with_readings else sentence
        [sounds] = phonemize([text], "en-us", words)
        distances = {r.name: _distance(r.american, sounds) for r in found}
        wanted = wanted if wanted in names else "noun" if "noun" in names else names[0]
        others = [d for name, d in distances.items() if name != wanted]
        right += distances[wanted] < min(others)
        total += 1
    return right, total


def _distance(part: str, whole: str) -> float:
    """The fewest changes that make `part` a part of `whole`; length marks do not count."""
    part, whole = part.replace("ː", ""), whole.replace("ː", "")
    row = [0.0] * (len(whole) + 1)
    for symbol in part:
        diagonal, row[0] = row[0], row[0] + 1
        for place, other in enumerate(whole, 1):
            best = min(row[place] + 1, row[place - 1] + 1, diagonal + (symbol != other))
            diagonal, row[place] = row[place], best
    return min(row)


def long_texts(count: int) -> list[str]:
    """Texts of three paragraphs, of neighbouring utterances, some joined to long sentences."""
    lines = UTTERANCES.read_text("utf-8").splitlines()
    texts = []
    for number in range(count):
        picked = [lines[(number * 7 + offset) % len(lines)] for offset in range(6)]
        joined = f"{picked[0].rstrip('.!?')}, and {picked[1]}"
        texts.append(f"{joined}\n\n{picked[2]} {picked[3]}\n\n{picked[4]} {picked[5]}")
    return texts


def pauses(
    pipeline: BarePipeline, texts: list[str], settings: PipelineSettings
) -> dict[Seam, list[float]]:
    """Seconds of silence at each seam of each text."""
    found: dict[Seam, list[float]] = defaultdict(list)
    rate = pipeline.sample_rate
    for text in texts:
        chunks = analyse(text, "en-us", settings.chunk_characters)
        added = pipeline.parts(SpeechRequest(text, "af_heart", seed=1))
        whole = np.concatenate(added)
        place = 0
        for number, wave in enumerate(added[: len(chunks)]):
            if number:
                found[chunks[number].seam].append(_silence_at(whole, place, rate))
            place += len(wave)
    return found


def _silence_at(wave: Waveform, place: int, rate: int) -> float:
    """The longest silence that touches the quarter of a second around `place`."""
    size = round(_FRAME_SECONDS * rate)
    window = round(_WINDOW_SECONDS * rate)
    part = wave[max(0, place - window) : place + window]
    frames = part[: len(part) // size * size].reshape(-1, size)
    levels = np.sqrt(np.square(frames).mean(axis=1))
    quiet = levels < _QUIET * np.percentile(levels, 90)
    middle = min(place, window) // size
    near = range(max(0, middle - 25), min(len(quiet), middle + 25))
    longest = 0
    for start in near:
        if not quiet[start]:
            continue
        first = last = start
        while first > 0 and quiet[first - 1]:
            first -= 1
        while last + 1 < len(quiet) and quiet[last + 1]:
            last += 1
        longest = max(longest, last - first + 1)
    return longest * _FRAME_SECONDS


def speeds(pipeline: BarePipeline, text: str) -> dict[float, float]:
    """How near each speed comes to what it says: 1 is exact."""

    def samples(speed: float) -> int:
        request = SpeechRequest(text, "af_heart", speed, seed=1)
        return sum(len(wave) for wave in pipeline.parts(request))

    plain = samples(1.0)
    return {speed: plain / samples(speed) / speed for speed in SPEEDS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    console = Console()
    results: dict[str, Any] = {}
    for name, with_readings in (("espeak-ng alone", False), ("front end", True)):
        right, total = heteronyms(with_readings=with_readings)
        results[name] = {"right": right, "of": total}
        console.print(f"heteronyms, {name}: {right} of {total} right")
    settings = PipelineSettings()
    pipeline = BarePipeline("styletts2", "kokoro", settings)
    table = Table("between chunks", "seams", "median s", "within")
    for seam, found in pauses(pipeline, long_texts(options.texts), settings).items():
        low, high = WANTED[seam]
        within = sum(low <= seconds <= high for seconds in found) / len(found)
        results[seam.name] = {"seconds": found, "within": within}
        table.add_row(seam.name.lower(), str(len(found)), f"{median(found):.2f}", f"{within:.0%}")
    console.print(table)
    results["speed"] = speeds(pipeline, long_texts(1)[0])
    console.print({speed: round(ratio, 4) for speed, ratio in results["speed"].items()})
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), "utf-8")


if __name__ == "__main__":
    main()
