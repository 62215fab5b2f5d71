"""Makes speech to train the content head on: Kokoro's, in blended voices, with its alignment.

    python -m training.voice_corpus --wordnet /usr/share/wordnet --out corpus --minutes 90

Each shard is drawn from its own number, so that a run that was stopped goes on where it was.
Half of the voices that ship are blended for training; HELD_OUT speak for the validation only.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from pipelines.models.styletts2.acoustic import AcousticModel
from pipelines.models.styletts2.alignment import align, frame_counts
from pipelines.models.styletts2.checkpoint import kokoro
from pipelines.models.styletts2.segments import SpeechAcoustic
from pipelines.models.styletts2.text import analyse
from pipelines.models.styletts2.vocoder import StyleTTS2Vocoder
from pipelines.protocol import InvalidInput
from pipelines.runtime.device import configure
from pipelines.runtime.lengths import Lengths
from pipelines.settings import PipelineSettings
from pipelines.voices.shipped_voices import Pack, Voice, catalogue
from training.voice_texts import Lexicon, texts

RATE = 16_000
HELD_OUT = ("af_sarah", "am_fenrir", "bf_isabella")
UTTERANCES_PER_SHARD = 40
VALIDATION_EVERY = 12
"""One shard of so many is spoken by the voices held out."""
SPEEDS, PITCHES = (0.8, 1.25), (0.85, 1.2)


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """One text as it was spoken: `audio` int16 at 16 kHz; `tokens` and how many frames of 25 ms
    each lasts; `f0` (Hz) and `energy` as the decoder was given them, two values per frame."""

    audio: NDArray[np.int16]
    tokens: NDArray[np.int16]
    counts: NDArray[np.int16]
    f0: NDArray[np.float16]
    energy: NDArray[np.float16]


class Speaker:
    """Kokoro, with its durations in view."""

    def __init__(self, settings: PipelineSettings) -> None:
        runtime = configure(settings)
        checkpoint = kokoro(settings)
        self._half = checkpoint.config.style
        self._vocoder = StyleTTS2Vocoder(checkpoint, settings)
        self._model = AcousticModel(checkpoint.config)
        checkpoint.fill(self._model)
        self._model.to(runtime.device)

    @torch.inference_mode()
    def speak(
        self, symbols: tuple[int, ...], style: Pack, speed: float, pitch: float, seed: int
    ) -> Utterance:
        """`style` `[2 · style]`; `pitch` multiplies F0."""
        model, tokens = self._model, torch.tensor([symbols])
        lengths = Lengths.of([len(symbols)])
        prosody = torch.from_numpy(style[None, self._half :])
        text = model.bert_encoder(model.read(tokens, lengths))
        features, logits = model.predictor.durations(text, prosody, lengths)
        counts = frame_counts(logits, torch.tensor([speed]), lengths)
        aligned, frame_lengths = align(features, counts)
        f0, energy = model.predictor.contours(aligned, prosody, frame_lengths)
        asr, _ = align(model.text_encoder(tokens, lengths), counts)
        f0 = torch.where(f0 > 20, f0 * pitch, f0)
        acoustic = SpeechAcoustic(
            index=0,
            seed=seed,
            length=frame_lengths.longest,
            asr=asr[0].numpy(),
            f0=f0[0].numpy(),
            energy=energy[0].numpy(),
            style=style[: self._half],
        )
        [wave] = self._vocoder.synthesize([acoustic])
        narrow = soxr.resample(wave, self._vocoder.sample_rate, RATE)
        return Utterance(
            audio=(narrow.clip(-1, 1) * 32767).astype(np.int16),
            tokens=np.array(symbols, np.int16),
            counts=counts[0].numpy().astype(np.int16),
            f0=f0[0].numpy().astype(np.float16),
            energy=energy[0].numpy().astype(np.float16),
        )


def utterances(
    lexicon: Lexicon, settings: PipelineSettings, speaker: Speaker, shard: int
) -> Iterator[Utterance]:
    """The utterances of one shard."""
    random = np.random.default_rng([shard, 20])
    voices = catalogue(settings.checkpoints)
    packs = voices.packs()
    held_out = shard % VALIDATION_EVERY == 0
    cast = [voice for voice in voices.voices if (voice.name in HELD_OUT) == held_out]
    script = texts(lexicon, random)
    made = 0
    while made < UTTERANCES_PER_SHARD:
        first = cast[random.integers(len(cast))]
        try:
            [chunk, *_] = analyse(next(script), first.language, settings.chunk_characters)
        except InvalidInput:
            continue
        row = len(chunk.tokens) - 3
        timbre, prosody = (_blend(cast, first, packs, row, random) for _ in range(2))
        half = len(timbre) // 2
        style = np.concatenate([timbre[:half], prosody[half:]])
        speed, pitch = np.exp(random.uniform(*np.log([SPEEDS, PITCHES]).T))
        yield speaker.speak(chunk.tokens, style, speed, pitch, int(random.integers(2**31)))
        made += 1


def _blend(
    cast: list[Voice],
    first: Voice,
    packs: dict[str, Pack],
    row: int,
    random: np.random.Generator,
) -> Pack:
    """The style of up to three voices, `first` among them."""
    others = random.choice([voice.name for voice in cast], random.integers(0, 3), replace=False)
    names = [first.name, *others]
    styles = np.stack([packs[name][row] for name in names])
    return np.asarray(random.dirichlet(np.ones(len(names))) @ styles, np.float32)


def write_shard(path: Path, spoken: Iterator[Utterance]) -> float:
    """Seconds of audio written. Arrays are laid end to end, with the ends of each."""
    members = list(spoken)
    arrays: dict[str, NDArray[np.generic]] = {}
    for name in ("audio", "tokens", "counts", "f0", "energy"):
        parts = [getattr(member, name) for member in members]
        arrays[name] = np.concatenate(parts)
        arrays[f"{name}_ends"] = np.cumsum([len(part) for part in parts])
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    partial.replace(path)
    return len(arrays["audio"]) / RATE


def read_shard(path: Path) -> list[Utterance]:
    names = ("audio", "tokens", "counts", "f0", "energy")
    with np.load(path) as arrays:
        parts = [np.split(arrays[name], arrays[f"{name}_ends"][:-1]) for name in names]
    return [Utterance(*members) for members in zip(*parts, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=90.0, help="of speech, in all")
    parser.add_argument("--first", type=int, default=0, help="shard, where several runs share")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    settings = PipelineSettings()
    lexicon, speaker, seconds = Lexicon.read(options.wordnet), Speaker(settings), 0.0
    for shard in count(options.first):
        path = options.out / f"{shard:04}.npz"
        if path.exists():
            seconds += sum(len(one.audio) for one in read_shard(path)) / RATE
        else:
            seconds += write_shard(path, utterances(lexicon, settings, speaker, shard))
            print(f"shard {shard}: {seconds / 60:.1f} minutes", flush=True)
        if seconds >= 60 * options.minutes:
            break


if __name__ == "__main__":
    main()
