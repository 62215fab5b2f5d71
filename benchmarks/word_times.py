"""How right the times of words are.

Speaks the utterances of utterances.txt with the shipped voices in turn and compares the start of
each word with

- Whisper's: tiny.en finds words by its attention, whose frames are 20 ms, and is itself some tens
  of milliseconds off. Words that it hears as they are written are compared.
- the sound's: of the words behind a pause of at least 0.15 s, the first frame of 5 ms in which
  something is heard (30 dB below the loudest). Nothing but the waveform decides about it.

    python -m benchmarks.word_times --limit 40 --json word_times.json

Needs the extra packages of `pip install .[quality]` and the weights (`bernie fetch kokoro`).
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import soxr
from faster_whisper import WhisperModel

from benchmarks.quality import recogniser, utterances
from pipelines.bare import BarePipeline
from pipelines.protocol import SpeechRequest, Waveform, Word
from pipelines.settings import PipelineSettings
from pipelines.voices.shipped_voices import catalogue

GOALS = {"median": 0.06, "p95": 0.15}
_ASR_RATE = 16_000
_PAUSE_SECONDS = 0.15
_FRAME_SECONDS = 0.005
_HEARD = 10 ** (-30 / 20)
_WITHIN = 0.3
"""Seconds around a word in which its sound may begin."""
_LETTERS = re.compile(r"[^a-z0-9]")


def heard(model: WhisperModel, clip: Waveform, rate: int) -> list[tuple[str, float]]:
    """Words and their starts in seconds, as Whisper has them."""
    narrow = soxr.resample(clip, rate, _ASR_RATE).astype(np.float32)
    segments, _ = model.transcribe(
        narrow, language="en", word_timestamps=True, condition_on_previous_text=False
    )
    return [(_bare(word.word), word.start) for each in segments for word in each.words or ()]


def against_whisper(
    text: str, words: Sequence[Word], found: Sequence[tuple[str, float]]
) -> Iterator[float]:
    """Seconds by which our starts are later, of the words that are heard as they are written."""
    ours = [_bare(text[word.begin : word.end]) for word in words]
    matcher = SequenceMatcher(None, ours, [word for word, _ in found], autojunk=False)
    for one, other, size in matcher.get_matching_blocks():
        for step in range(size):
            yield words[one + step].start - found[other + step][1]


def against_sound(words: Sequence[Word], clip: Waveform, rate: int) -> Iterator[float]:
    """The same, of the words behind a pause."""
    size = round(_FRAME_SECONDS * rate)
    frames = clip[: len(clip) // size * size].reshape(-1, size)
    levels = np.sqrt(np.square(frames).mean(axis=1))
    loud = levels > _HEARD * np.percentile(levels, 95)
    silent = round(_PAUSE_SECONDS / _FRAME_SECONDS)
    starts = [
        place
        for place in np.flatnonzero(loud)
        if place >= silent and not loud[place - silent : place].any()
    ]
    times = np.array([word.start for word in words])
    for place in starts:
        onset = place * _FRAME_SECONDS
        nearest = times[np.argmin(np.abs(times - onset))]
        if abs(nearest - onset) < _WITHIN:
            yield float(nearest - onset)


def _bare(word: str) -> str:
    return _LETTERS.sub("", word.lower())


def _summary(name: str, differences: Sequence[float]) -> dict[str, float]:
    sizes = np.abs(differences)
    found = {
        "words": float(len(sizes)),
        "bias": float(np.median(differences)),
        "median": float(np.median(sizes)),
        "p95": float(np.percentile(sizes, 95)),
    }
    print(
        f"{name}: {len(sizes)} words, bias {1000 * found['bias']:+.0f} ms, off by "
        f"{1000 * found['median']:.0f} ms (median), {1000 * found['p95']:.0f} ms (p95)"
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--limit", type=int, default=40)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    settings = PipelineSettings(threads=chosen.threads)
    pipeline = BarePipeline("styletts2", "kokoro", settings)
    model = recogniser(chosen.threads)
    voices = [voice.name for voice in catalogue(settings.checkpoints).voices]
    whisper: list[float] = []
    sound: list[float] = []
    for number, text in enumerate(utterances(chosen.limit)):
        if number < chosen.skip:
            continue
        voice = voices[number % len(voices)]
        request = SpeechRequest(text, voice, speed=chosen.speed, seed=number)
        clip, words = pipeline.clip_and_words(request)
        rate = pipeline.sample_rate
        whisper += against_whisper(text, words, heard(model, clip, rate))
        sound += against_sound(words, clip, rate)
    found = {"whisper": _summary("Whisper", whisper), "sound": _summary("sound", sound)}
    if chosen.json:
        raw = {"whisper": whisper, "sound": sound}
        chosen.json.write_text(json.dumps({**found, "goals": GOALS, "differences": raw}) + "\n")


if __name__ == "__main__":
    main()
