"""How texts are read: heteronyms by their sounds, and the speed of what is spoken.

- Heteronyms: of the sentences in `tests/pipelines/english/heteronyms.tsv`, each of which decides
  how one word is said, those whose sounds are nearer to the right reading than to any other; with
  the front end as it is, and with espeak-ng alone.
- Speed: how many times as long a text takes at speed 1 as at another, as a part of that speed.

    python -m benchmarks.reading [--json reading.json]

Needs the weights for the last (`bernie fetch kokoro`). Pauses are measured by `benchmarks.pauses`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.long_texts import long_texts
from pipelines.bare import BarePipeline
from pipelines.english.heteronyms import readings
from pipelines.english.marks import Words
from pipelines.english.phonemes import phonemize
from pipelines.english.pronunciation import pronounce
from pipelines.protocol import SpeechRequest
from pipelines.settings import PipelineSettings

ROOT = Path(__file__).parent.parent
SENTENCES = ROOT / "tests" / "pipelines" / "english" / "heteronyms.tsv"
SPEEDS = (0.25, 0.5, 0.8, 1.25, 1.5, 2.0, 3.0, 4.0)


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


def speeds(pipeline: BarePipeline, text: str) -> dict[float, float]:
    """How near each speed comes to what it says: 1 is exact."""

    def samples(speed: float) -> int:
        request = SpeechRequest(text, "af_heart", speed, seed=1)
        return sum(len(wave) for wave in pipeline.parts(request))

    plain = samples(1.0)
    return {speed: plain / samples(speed) / speed for speed in SPEEDS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
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
    results["speed"] = speeds(pipeline, long_texts(1)[0])
    console.print({speed: round(ratio, 4) for speed, ratio in results["speed"].items()})
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), "utf-8")


if __name__ == "__main__":
    main()
