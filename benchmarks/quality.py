"""How good the speech is: intelligibility, perceived quality, loudness, joins and pronunciation.

Speaks utterances with the shipped voices in turn: those of utterances.txt, or with `--set hard` 300
that are hard to read (names, numbers, long sentences, heteronyms; `hard_set`). It measures

- WER: words that Whisper hears wrongly, of all words: tiny.en, or with `--recogniser base` the
  larger, multilingual one. Both the text and the transcript pass Whisper's own English normaliser
  first (case, punctuation, contractions, spelling, and numbers in one form on both sides); `7:45`
  and `7.45` are the same, and so are texts that differ in spaces only. Of the hard set what is
  heard may be the text as it is written or as it is said, whichever has fewer errors.
- DNSMOS overall (P.835), 1 to 5, of the whole clip at 16 kHz. One voice whispers, which this
  measure takes for poor speech whatever its quality, so the mean is also given without it.
- Loudness: level of the active speech in dBFS (frames of 20 ms within 30 dB of the loudest), the
  spread of its mean over the voices, and the highest peak.
- Joins: the largest step between samples within 4 ms of a cut between chunks, as a share of the
  99.9th percentile of such steps inside the speech. Above 1 would be heard as a click. (Farther
  off, inside a sentence, is speech with steps of its own.)
- Heteronyms: sentences whose word has the sounds that it should (`benchmarks.reading`).
- Pauses, with `--pauses FILE` from `benchmarks.pauses`: places whose silence is as it should be.

    python -m benchmarks.quality [--set hard] [--recogniser base] [--store results.jsonl]
        [--json quality.json] [--beside older.json]

What is in the store is not spoken again. `--beside` prints the figures of an older file beside the
new ones. Needs the extra packages of `pip install .[quality]` and the weights (`bernie fetch
kokoro`; base is fetched when it is first needed).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

import numpy as np
import soxr
from rich.console import Console
from rich.progress import track
from rich.table import Table
from speechmos import dnsmos

from benchmarks import pauses, reading, stored_lines
from benchmarks.hard_set import hard_utterances
from benchmarks.listening import BASE, RATE, TINY, Listener
from benchmarks.long_texts import utterances
from pipelines.audio.edges import FADE_SECONDS
from pipelines.bare import BarePipeline
from pipelines.protocol import SpeechRequest, Waveform
from pipelines.settings import PipelineSettings
from pipelines.voices.shipped_voices import catalogue

MAX_WER, MIN_DNSMOS = 0.03, 3.4

WHISPERING = "af_nicole"
EASY = "easy"

_FRAME_SECONDS = 0.02
_ACTIVE_DB = 30.0
_EDGE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured of one utterance."""

    group: str
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


def planned(name: str, limit: int | None) -> list[tuple[str, str]]:
    """The group of each utterance, and its text."""
    found = hard_utterances() if name == "hard" else [(EASY, text) for text in utterances()]
    return found[:limit]


def measure(
    settings: PipelineSettings, texts: list[tuple[str, str]], recogniser: str, store: Path | None
) -> Iterator[Result]:
    """Speak each text with the next voice, and listen; what the store has is taken from it."""
    kept = stored_lines.read(store) if store else []
    known = {line["text"]: Result(**line) for line in kept}
    speaker = BarePipeline("styletts2", "kokoro", settings)
    listener = Listener(settings.threads, recogniser)
    voices = [voice.name for voice in catalogue(settings.checkpoints).voices]
    for number, (group, text) in enumerate(texts):
        result = known.get(text)
        if result is None:
            voice = voices[number % len(voices)]
            result = spoken(speaker, listener, SpeechRequest(text, voice, seed=number), group)
            if store:
                stored_lines.add(store, asdict(result))
        yield result


def spoken(speaker: BarePipeline, listener: Listener, request: SpeechRequest, group: str) -> Result:
    """One utterance, made and measured."""
    parts = speaker.parts(request)
    clip = np.concatenate(parts)
    narrow = soxr.resample(clip, speaker.sample_rate, RATE).astype(np.float32)
    heard = listener.transcribe(narrow)
    count = listener.errors if group == EASY else listener.fewest_errors
    words, errors = count(request.text, heard)
    return Result(
        group=group,
        voice=request.voice,
        text=request.text,
        heard=heard,
        words=words,
        errors=errors,
        dnsmos=float(dnsmos.run(narrow.clip(-1, 1), RATE)["ovrl_mos"]),
        level=active_level(clip, speaker.sample_rate),
        peak=float(np.abs(clip).max()),
        seconds=len(clip) / speaker.sample_rate,
        joins=join_steps(parts, speaker.sample_rate, FADE_SECONDS),
    )


def active_level(clip: Waveform, rate: int) -> float:
    """Mean power of the active frames, dBFS."""
    size = round(_FRAME_SECONDS * rate)
    frames = clip[: len(clip) // size * size].reshape(-1, size).astype(np.float64)
    power = (frames**2).mean(1)
    active = power[power > power.max() * 10 ** (-_ACTIVE_DB / 10)]
    return float(10 * np.log10(active.mean()))


def join_steps(
    parts: list[Waveform], rate: int, near_seconds: float = _EDGE_SECONDS
) -> list[float]:
    """Largest step near each cut between parts, relative to the 99.9th percentile of all steps."""
    steps = np.abs(np.diff(np.concatenate(parts)))
    loud = np.percentile(steps, 99.9)
    edge = round(near_seconds * rate)
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
    groups = dict.fromkeys(result.group for result in results)
    right, sentences = reading.heteronyms(with_readings=True)
    return {
        "utterances": len(results),
        "audio_seconds": sum(result.seconds for result in results),
        "wer": word_errors(results),
        **{f"wer_{g}": word_errors([r for r in results if r.group == g]) for g in groups},
        "dnsmos": mean(result.dnsmos for result in results),
        "dnsmos_without_whispering": mean(r.dnsmos for r in results if r.voice != WHISPERING),
        "level_spread_db": max(levels.values()) - min(levels.values()),
        "peak": max(result.peak for result in results),
        "joins": len(joins),
        "largest_join_step": max(joins, default=0.0),
        "heteronyms_right": right / sentences,
    }


def word_errors(results: list[Result]) -> float:
    return sum(r.errors for r in results) / sum(r.words for r in results)


def by_voice(results: list[Result]) -> dict[str, float]:
    """Mean level of each voice, dBFS."""
    voices = dict.fromkeys(result.voice for result in results)
    return {voice: mean(r.level for r in results if r.voice == voice) for voice in voices}


def print_tables(
    console: Console, results: list[Result], figures: dict[str, float], older: dict[str, float]
) -> None:
    voices = Table("voice", "utterances", "WER %", "DNSMOS", "level dBFS", "peak")
    for voice, level in by_voice(results).items():
        own = [result for result in results if result.voice == voice]
        wer = 100 * word_errors(own)
        quality, peak = mean(r.dnsmos for r in own), max(r.peak for r in own)
        row = (f"{wer:.1f}", f"{quality:.2f}", f"{level:.1f}", f"{peak:.2f}")
        voices.add_row(voice, str(len(own)), *row)
    console.print(voices)
    for result in results:
        if result.errors:
            console.print(
                f"{result.errors} in {result.voice}: {result.text}\n  heard: {result.heard}"
            )
    total = Table("figure", *(["before"] if older else []), "value", "goal")
    goals = {"wer": f"<= {MAX_WER}", "dnsmos": f">= {MIN_DNSMOS}", "largest_join_step": "< 1"}
    for name, value in figures.items():
        before = [f"{older[name]:.4g}" if name in older else "-"] if older else []
        total.add_row(name, *before, f"{value:.4g}", goals.get(name, ""))
    console.print(total)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the quality of the speech.")
    parser.add_argument("--set", choices=(EASY, "hard"), default=EASY)
    parser.add_argument("--recogniser", choices=(TINY, BASE), default=TINY)
    parser.add_argument("--limit", type=int, help="speak only the first so many utterances")
    parser.add_argument("--every", type=int, default=1, help="speak only each so manieth one")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--store", type=Path, help="keep each utterance here, and go on from it")
    parser.add_argument("--pauses", type=Path, help="the store of benchmarks.pauses")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--beside", type=Path, help="an older file of --json to compare with")
    options = parser.parse_args()
    settings = PipelineSettings(threads=options.threads, dtype=options.dtype)
    texts = planned(options.set, options.limit)[:: options.every]
    console = Console()
    made = measure(settings, texts, options.recogniser, options.store)
    results = list(track(made, "Speaking", total=len(texts), console=console))
    figures = report(results)
    if options.pauses:
        figures |= pauses.within(options.pauses)
    older = json.loads(options.beside.read_text("utf-8"))["figures"] if options.beside else {}
    print_tables(console, results, figures, older)
    if options.json:
        document = {"figures": figures, "results": [asdict(result) for result in results]}
        options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
