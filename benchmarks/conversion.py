"""How good voice conversion to the voices that ship is, on recordings of real speech.

Converts prompts of a telephone exchange (Debian's `asterisk-core-sounds-en-g722`, spoken by Allison
Smith, CC-BY-SA-3.0; their texts are in the package `asterisk-core-sounds-en`) with the default
pipeline, and compares with the source

- WER: words that Whisper tiny.en hears wrongly, of all words, before and after;
- similarity: whether Resemblyzer finds the conversion closer to the voice (a recording of it that
  ships) than to the source;
- DNSMOS overall (P.835) of the conversion;
- melody: correlation of log F0 where both are voiced, by pYIN, which no part of the pipeline uses;
- timing: how far the loudness of the conversion is shifted against that of the source, in the first
  and the last half of the clip, up to 0.1 s;
- cost: CPU-seconds per second of audio, all stages.

    python -m benchmarks.conversion --sounds DIR --texts core-sounds-en.txt.gz --json out.json

`--long 300` instead measures a source of five minutes: peak memory, and the joins of its windows.
Needs the extra packages of `pip install .[quality]`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median

import av
import librosa
import numpy as np
import soxr
from resemblyzer import VoiceEncoder, preprocess_wav
from rich.console import Console
from rich.progress import track
from rich.table import Table
from speechmos import dnsmos

from benchmarks.listening import Listener
from benchmarks.quality import join_steps
from pipelines.audio.recording import Recording
from pipelines.bare import BarePipeline
from pipelines.protocol import Waveform
from pipelines.requests.conversion import ConversionRequest
from pipelines.settings import CHECKPOINTS, PipelineSettings
from pipelines.voices.shipped_voices import catalogue

CONVERTER = ("seedvc", "revoice")
VOICES = ("af_heart", "am_michael", "bf_emma")
RATE = 16_000
SHORTEST, LONGEST = 3.0, 15.0
LONGEST_LAG = 20
"""In steps of 5 ms."""
GATES = {
    "wer_added": ("<=", 0.08),
    "closer_to_voice": (">=", 0.95),
    "dnsmos": (">=", 3.2),
    "melody": (">=", 0.8),
    "worst_shift_seconds": ("<=", 0.05),
    "cpu_seconds_per_second": ("<=", 0.6),
}


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """A recording at 16 kHz and what is said in it."""

    name: str
    text: str
    wave: Waveform


@dataclass(frozen=True, slots=True)
class Result:
    prompt: str
    voice: str
    text: str
    heard: str
    words: int
    source_errors: int
    errors: int
    to_voice: float
    to_source: float
    dnsmos: float
    melody: float
    shift: float
    cpu: float
    seconds: float


def prompts(sounds: Path, texts: Path) -> Iterator[Prompt]:
    """Those of a fit length that consist of words."""
    with gzip.open(texts, "rt", encoding="utf-8") as lines:
        for line in lines:
            name, colon, text = line.partition(":")
            path = sounds / f"{name.strip()}.g722"
            if line.startswith(";") or not colon or set("[(") & set(text) or not path.exists():
                continue
            wave = decoded(path)
            if SHORTEST <= len(wave) / RATE <= LONGEST:
                yield Prompt(name.strip(), re.sub(r"\.\.+", ".", text.strip()), wave)


def decoded(path: Path) -> Waveform:
    with av.open(str(path), format="g722") as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype(np.float32) / 32768


def contour(wave: Waveform) -> Waveform:
    """Log F0 every 20 ms, not a number where nothing is voiced."""
    hertz, _, _ = librosa.pyin(
        wave, fmin=60, fmax=500, sr=RATE, frame_length=1024, hop_length=320, resolution=0.2
    )
    return np.asarray(np.log(hertz), np.float32)


def melody(source: Waveform, made: Waveform) -> float:
    """Correlation of two contours where both are voiced."""
    length = min(len(source), len(made))
    first, second = source[:length], made[:length]
    both = np.isfinite(first) & np.isfinite(second)
    return float(np.corrcoef(first[both], second[both])[0, 1]) if both.sum() > 10 else 0.0


def shift(source: Waveform, made: Waveform) -> float:
    """Seconds by which the loudness of either half of the clip is moved, the larger of the two."""
    envelopes = [_envelope(wave) for wave in (source, made)]
    length = min(map(len, envelopes))
    half = length // 2
    spans = (slice(0, half), slice(half, length))
    return max(abs(_lag(envelopes[0][span], envelopes[1][span])) for span in spans)


def _envelope(wave: Waveform) -> Waveform:
    frames = wave[: len(wave) // 80 * 80].reshape(-1, 80)
    power = np.convolve((frames**2).mean(1), np.ones(5) / 5, "same")
    decibels = 10 * np.log10(power + 1e-9)
    return np.asarray(np.maximum(decibels, decibels.max() - 35), np.float32)


def _lag(first: Waveform, second: Waveform) -> float:
    lags = range(-LONGEST_LAG, LONGEST_LAG + 1)
    size = min(len(first), len(second)) - 2 * LONGEST_LAG
    inner = first[LONGEST_LAG : LONGEST_LAG + size]
    scores = [
        np.corrcoef(inner, second[LONGEST_LAG + lag : LONGEST_LAG + lag + size])[0, 1]
        for lag in lags
    ]
    return 0.005 * lags[int(np.argmax(scores))]


def measure(
    chosen: Sequence[Prompt], voices: Sequence[str], settings: PipelineSettings
) -> Iterator[Result]:
    converter, listener = BarePipeline(*CONVERTER, settings), Listener(settings.threads)
    encoder = VoiceEncoder("cpu", verbose=False)
    targets = {voice: encoder.embed_utterance(_shipped(voice, settings)) for voice in voices}
    for prompt in chosen:
        _, source_errors = listener.errors(prompt.text, listener.transcribe(prompt.wave))
        source_contour = contour(prompt.wave)
        source = encoder.embed_utterance(preprocess_wav(prompt.wave, RATE))
        for voice in voices:
            request = ConversionRequest(Recording(prompt.wave, RATE), voice=voice)
            begun = time.process_time()
            clip = converter.clip(request)
            cpu = time.process_time() - begun
            narrow = soxr.resample(clip, converter.sample_rate, RATE).astype(np.float32).clip(-1, 1)
            heard = listener.transcribe(narrow)
            words, errors = listener.errors(prompt.text, heard)
            made = encoder.embed_utterance(preprocess_wav(narrow, RATE))
            yield Result(
                prompt=prompt.name,
                voice=voice,
                text=prompt.text,
                heard=heard,
                words=words,
                source_errors=source_errors,
                errors=errors,
                to_voice=float(made @ targets[voice]),
                to_source=float(made @ source),
                dnsmos=float(dnsmos.run(narrow, RATE)["ovrl_mos"]),
                melody=melody(source_contour, contour(narrow)),
                shift=shift(prompt.wave, narrow),
                cpu=cpu,
                seconds=len(prompt.wave) / RATE,
            )


def _shipped(voice: str, settings: PipelineSettings) -> Waveform:
    voices = catalogue(settings.checkpoints)
    return np.asarray(preprocess_wav(voices.recording(voices.parse(voice).parts[0][0])))


def report(results: Sequence[Result]) -> dict[str, float]:
    words = sum(result.words for result in results)
    source = sum(result.source_errors for result in results) / words
    wer = sum(result.errors for result in results) / words
    return {
        "clips": len(results),
        "audio_seconds": sum(result.seconds for result in results),
        "source_wer": source,
        "wer": wer,
        "wer_added": wer - source,
        "closer_to_voice": mean(result.to_voice > result.to_source for result in results),
        "similarity_to_voice": mean(result.to_voice for result in results),
        "similarity_to_source": mean(result.to_source for result in results),
        "dnsmos": mean(result.dnsmos for result in results),
        "melody": median(result.melody for result in results),
        "worst_shift_seconds": max(result.shift for result in results),
        "cpu_seconds_per_second": sum(r.cpu for r in results) / sum(r.seconds for r in results),
    }


def _passes(figures: dict[str, float], gate: str) -> bool:
    sign, limit = GATES[gate]
    return figures[gate] <= limit if sign == "<=" else figures[gate] >= limit


def show(console: Console, figures: dict[str, float]) -> None:
    table = Table("figure", "value", "gate", "")
    for name, value in figures.items():
        gate = ("", "")
        if name in GATES:
            sign, limit = GATES[name]
            gate = (f"{sign} {limit:g}", "pass" if _passes(figures, name) else "FAIL")
        table.add_row(name, f"{value:.4g}", *gate)
    console.print(table)


def measure_long(
    chosen: Sequence[Prompt], voice: str, seconds: float, settings: PipelineSettings
) -> None:
    """A source of so many seconds: prompts one after the other."""
    waves = [prompt.wave for prompt in chosen]
    samples = int(seconds * RATE)
    source = np.concatenate(waves * (1 + samples // sum(map(len, waves))))[:samples]
    request = ConversionRequest(Recording(source, RATE), voice=voice)
    converter = BarePipeline(*CONVERTER, settings)
    before = _peak()
    begun = time.process_time()
    parts = converter.parts(request)
    cpu = time.process_time() - begun
    steps = join_steps(parts, converter.sample_rate)
    made = sum(map(len, parts)) / converter.sample_rate
    print(
        f"{made:.1f} s in {len(parts) - 1} windows, {cpu / made:.2f} CPU-s per second, "
        f"memory {before:.2f} GiB loaded, {_peak():.2f} GiB at most, "
        f"largest step at a join {max(steps):.2f} of the loud steps inside"
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure voice conversion.")
    parser.add_argument("--sounds", type=Path, required=True, help="folder of the .g722 files")
    parser.add_argument("--texts", type=Path, required=True, help="core-sounds-en.txt.gz")
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--voices", nargs="+", default=list(VOICES))
    parser.add_argument("--long", type=float, help="seconds of one long source")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS)
    parser.add_argument("--json", type=Path, help="kept up to date with all figures")
    options = parser.parse_args()
    settings = PipelineSettings(options.checkpoints, threads=options.threads)
    found = sorted(prompts(options.sounds, options.texts), key=lambda prompt: prompt.name)
    # Spread over the alphabet, so that prompts on one subject do not crowd the choice.
    places = np.linspace(0, len(found) - 1, min(options.clips, len(found))).astype(int)
    # In any order, so that what is measured after a while stands for the rest.
    places = np.random.default_rng(0).permutation(places)
    chosen = [found[place] for place in places]
    if options.long:
        measure_long(chosen, options.voices[0], options.long, settings)
        return
    console = Console()
    total = len(chosen) * len(options.voices)
    results: list[Result] = []
    figures: dict[str, float] = {}
    for result in track(measure(chosen, options.voices, settings), total=total, console=console):
        results.append(result)
        figures = report(results)
        if options.json:
            document = {"figures": figures, "results": [asdict(result) for result in results]}
            options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    show(console, figures)
    sys.exit(not all(_passes(figures, gate) for gate in GATES))


if __name__ == "__main__":
    main()
