"""How right the times of words are.

Speaks the utterances of utterances.txt with the shipped voices in turn and compares the start of
each word with

- Whisper's: tiny.en finds words by its attention, whose frames are 20 ms, and is itself some tens
  of milliseconds off. Words that it hears as they are written are compared. It begins a word behind
  a pause with the pause; such a start is moved to where the pause ends.
- a forced alignment's: PocketSphinx knows what is said, and finds where, in frames of 10 ms.
- the sound's: of the words behind a pause, the end of the pause. Nothing but the waveform decides
  about it.

A pause is 0.1 s or more that are 30 dB below the louder frames of 5 ms.

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
from pocketsphinx import Decoder

from benchmarks.listening import recogniser
from benchmarks.long_texts import utterances
from pipelines.bare import BarePipeline
from pipelines.protocol import SpeechRequest, Waveform, Word
from pipelines.settings import PipelineSettings
from pipelines.voices.shipped_voices import catalogue

GOALS = {"median": 0.06, "p95": 0.15}
_ASR_RATE = 16_000
_PAUSE_SECONDS = 0.1
_FRAME_SECONDS = 0.005
_HEARD = 10 ** (-30 / 20)
_WITHIN = 0.3
"""Seconds around a word in which its sound may begin."""
_NEAR = 0.05
"""Seconds before a pause in which Whisper begins the word behind it."""
_LETTERS = re.compile(r"[^a-z0-9]")
_PARTS = re.compile(r"[a-z](?:[a-z']*[a-z])?")
_ALIGNED_FRAMES = 100
"""In a second."""


def heard(model: WhisperModel, clip: Waveform, rate: int) -> list[tuple[str, float, float]]:
    """Words, their starts and ends in seconds, as Whisper has them."""
    narrow = soxr.resample(clip, rate, _ASR_RATE).astype(np.float32)
    segments, _ = model.transcribe(
        narrow, language="en", word_timestamps=True, condition_on_previous_text=False
    )
    return [
        (_bare(word.word), word.start, word.end) for each in segments for word in each.words or ()
    ]


def pauses_of(clip: Waveform, rate: int) -> list[tuple[float, float]]:
    """Begin and end of each, in seconds; that before the first word too."""
    size = round(_FRAME_SECONDS * rate)
    frames = clip[: len(clip) // size * size].reshape(-1, size)
    levels = np.sqrt(np.square(frames).mean(axis=1))
    loud = np.flatnonzero(levels > _HEARD * np.percentile(levels, 90))
    gaps = np.flatnonzero(np.diff(loud) * _FRAME_SECONDS >= _PAUSE_SECONDS)
    first = (0.0, float(loud[0] * _FRAME_SECONDS))
    return [first] + [
        ((loud[gap] + 1) * _FRAME_SECONDS, loud[gap + 1] * _FRAME_SECONDS) for gap in gaps.tolist()
    ]


def against_whisper(
    text: str,
    words: Sequence[Word],
    found: Sequence[tuple[str, float, float]],
    pauses: Sequence[tuple[float, float]],
) -> Iterator[tuple[str, float, float]]:
    """Of the words that are heard as they are written: the word, our start and Whisper's."""
    ours = [_bare(text[word.begin : word.end]) for word in words]
    matcher = SequenceMatcher(None, ours, [word for word, _, _ in found], autojunk=False)
    for one, other, size in matcher.get_matching_blocks():
        for step in range(size):
            _, start, stop = found[other + step]
            ends = (end for begin, end in pauses if begin - _NEAR <= start < end < stop)
            yield ours[one + step], words[one + step].start, next(ends, start)


def against_sound(
    words: Sequence[Word], pauses: Sequence[tuple[float, float]]
) -> Iterator[tuple[str, float, float]]:
    """The same of the words behind a pause, and when it ends."""
    for _, end in pauses:
        nearest = min(words, key=lambda word: abs(word.start - end))
        if abs(nearest.start - end) < _WITHIN:
            yield nearest.said, nearest.start, end


def against_alignment(
    aligner: Decoder, words: Sequence[Word], clip: Waveform, rate: int
) -> Iterator[tuple[str, float, float]]:
    """Of all words: the first part of each as it is said, our start and that of the alignment.
    Raises ValueError where a word is not in the aligner's dictionary."""
    said = [(part, n) for n, word in enumerate(words) for part in _PARTS.findall(word.said.lower())]
    aligner.set_align_text(" ".join(part for part, _ in said))
    narrow = soxr.resample(clip, rate, _ASR_RATE)
    aligner.start_utt()
    aligner.process_raw(
        (narrow * 32_767).clip(-32_768, 32_767).astype(np.int16).tobytes(), full_utt=True
    )
    aligner.end_utt()
    found = [each for each in aligner.seg() if each.word[:1] not in "<["]
    last = None
    for (part, n), each in zip(said, found, strict=True):
        if n != last:
            yield part, words[n].start, each.start_frame / _ALIGNED_FRAMES
        last = n


def _bare(word: str) -> str:
    return _LETTERS.sub("", word.lower())


def _summary(name: str, found: Sequence[tuple[str, float, float]]) -> dict[str, float]:
    differences = [ours - theirs for _, ours, theirs in found]
    sizes = np.abs(differences)
    summary = {
        "words": float(len(sizes)),
        "bias": float(np.median(differences)),
        "median": float(np.median(sizes)),
        "p95": float(np.percentile(sizes, 95)),
    }
    print(
        f"{name}: {len(sizes)} words, bias {1000 * summary['bias']:+.0f} ms, off by "
        f"{1000 * summary['median']:.0f} ms (median), {1000 * summary['p95']:.0f} ms (p95)"
    )
    return summary


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
    aligner = Decoder(samprate=_ASR_RATE, bestpath=False, loglevel="FATAL")
    whisper: list[tuple[str, float, float]] = []
    aligned: list[tuple[str, float, float]] = []
    sound: list[tuple[str, float, float]] = []
    for number, text in enumerate(utterances()[: chosen.limit]):
        if number < chosen.skip:
            continue
        voice = voices[number % len(voices)]
        request = SpeechRequest(text, voice, speed=chosen.speed, seed=number)
        clip, words = pipeline.clip_and_words(request)
        rate = pipeline.sample_rate
        pauses = pauses_of(clip, rate)
        whisper += against_whisper(text, words, heard(model, clip, rate), pauses)
        aligned += against_alignment(aligner, words, clip, rate)
        sound += against_sound(words, pauses)
    raw = {"whisper": whisper, "alignment": aligned, "sound": sound}
    found = {name: _summary(name, starts) for name, starts in raw.items()}
    if chosen.json:
        chosen.json.write_text(json.dumps({**found, "goals": GOALS, "starts": raw}) + "\n")


if __name__ == "__main__":
    main()
