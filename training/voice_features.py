"""What Whisper hears in the corpus, through rooms, telephones and noise, and what was said.

    python -m training.voice_features --corpus corpus --whisper … --out features

Every shard is heard COPIES times, differently each time. A window holds one to three utterances.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from pipelines.models.revoice.checkpoint import load_whisper
from pipelines.models.revoice.head import FRAME_SECONDS, at_frames
from pipelines.models.revoice.levels import levels
from pipelines.models.styletts2.checkpoint import kokoro
from pipelines.models.styletts2.phoneme_encoder import PhonemeEncoder
from pipelines.networks.whisper import SAMPLES_PER_FEATURE, WhisperEncoder
from pipelines.protocol import Waveform
from pipelines.runtime.device import Runtime, configure
from pipelines.runtime.lengths import Lengths
from pipelines.runtime.precision import autocast, place
from pipelines.settings import PipelineSettings
from training.voice_corpus import RATE, Utterance, read_shard

COPIES = 3
LONGEST_SECONDS = 13.0
WARP = (0.86, 1.16)
"""Played so much faster: pitch and formants move along."""
SAMPLES_PER_FRAME = round(RATE * FRAME_SECONDS)

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A recording and, for each frame of it, the token of the shard that is spoken then."""

    wave: Waveform
    tokens: NDArray[np.int32]
    energy: NDArray[np.float32]
    """`[frames, 2]`."""


def windows(spoken: Sequence[Utterance], random: np.random.Generator) -> Iterator[Window]:
    """Utterances in another order, one to three at a time, with silence about them, warped."""
    starts = np.cumsum([0, *(len(one.tokens) for one in spoken)])
    waiting = list(random.permutation(len(spoken)))
    while waiting:
        parts: list[Window] = []
        room = LONGEST_SECONDS
        for _ in range(random.integers(1, 4)):
            if not waiting:
                break
            one = spoken[waiting[-1]]
            if parts and len(one.audio) / RATE / WARP[0] + 1 > room:
                break
            waiting.pop()
            index = next(i for i, other in enumerate(spoken) if other is one)
            parts.append(_part(one, int(starts[index]), random))
            room -= len(parts[-1].wave) / RATE
        yield Window(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in Window.__slots__)
        )


def _part(one: Utterance, first_token: int, random: np.random.Generator) -> Window:
    warp = np.exp(random.uniform(*np.log(WARP)))
    wave = soxr.resample(one.audio.astype(np.float32) / 32768, warp * RATE, RATE)
    before, after = random.integers(2, 24, 2)
    frames = len(wave) // SAMPLES_PER_FRAME
    places = ((np.arange(frames) + 0.5) * warp).astype(int)
    token = np.repeat(np.arange(len(one.counts)), one.counts)
    places = places.clip(0, len(token) - 1)
    padded = np.concatenate([np.zeros(before, int), places, np.full(after, len(token) - 1)])
    energy = one.energy.astype(np.float32).reshape(-1, 2)
    samples = np.zeros(len(padded) * SAMPLES_PER_FRAME, np.float32)
    begin = before * SAMPLES_PER_FRAME
    samples[begin : begin + frames * SAMPLES_PER_FRAME] = wave[: frames * SAMPLES_PER_FRAME]
    return Window(samples, (token[padded] + first_token).astype(np.int32), energy[padded])


def disturbed(wave: Waveform, random: np.random.Generator) -> Waveform:
    """The wave as a room, a telephone line and a noise leave it, as long as it was."""
    size = len(wave)
    if random.random() < 0.35:
        wave = _filtered(wave, _room(random))
    if random.random() < 0.3:
        rate = random.choice([8000, 11025])
        wave = np.resize(soxr.resample(soxr.resample(wave, RATE, rate), rate, RATE), size)
    if random.random() < 0.5:
        # A tilt of the spectrum: louder or softer highs.
        wave = _filtered(wave, np.array([1.0, random.uniform(-0.6, 0.6)]))
    power = float(np.mean(wave**2)) + 1e-9
    level = random.uniform(8, 50) if random.random() < 0.6 else 60.0
    # From white to nearly brown.
    decay = np.power(random.uniform(0.0, 0.97), np.arange(400.0))
    noise = _filtered(random.standard_normal(size).astype(np.float32), decay)
    noise *= np.sqrt(power / np.mean(noise**2)) * 10 ** (-level / 20)
    loud = random.uniform(0.05, 0.9) / (np.abs(wave).max() + 1e-5)
    return np.asarray(((wave + noise) * loud).clip(-1, 1), np.float32)


def _room(random: np.random.Generator) -> NDArray[np.float64]:
    """The direct sound, and exponentially decaying noise for what the room answers."""
    seconds = random.uniform(0.1, 0.5)
    time = np.arange(round(seconds * RATE)) / RATE
    answer = random.standard_normal(len(time)) * np.exp(-6.9 * time / seconds)
    answer *= random.uniform(0.1, 0.6) / np.sqrt(np.sum(answer**2))
    answer[0] = 1.0
    return answer


def _filtered(wave: Waveform, response: NDArray[np.float64]) -> Waveform:
    """The wave convolved with an impulse response, as long as it was."""
    size = len(wave) + len(response)
    spectrum = np.fft.rfft(wave, size) * np.fft.rfft(response, size)
    return np.asarray(np.fft.irfft(spectrum, size)[: len(wave)], np.float32)


class Ears:
    """Whisper and the text encoder."""

    def __init__(self, settings: PipelineSettings) -> None:
        self.runtime: Runtime = configure(settings)
        self.whisper: WhisperEncoder = load_whisper(settings)
        place(self.whisper, self.runtime)
        checkpoint = kokoro(settings)
        self.text_encoder = PhonemeEncoder(checkpoint.config)
        checkpoint.fill(self.text_encoder, "text_encoder.")

    @torch.inference_mode()
    def hear(self, wave: Waveform) -> NDArray[np.float16]:
        """At the middle of each frame, `[frames, width]`."""
        frames = len(wave) // SAMPLES_PER_FRAME
        whole = np.pad(wave, (0, -len(wave) % SAMPLES_PER_FEATURE))
        with autocast(self.runtime):
            features = self.whisper(torch.from_numpy(whole)[None])[0]
        heard: NDArray[np.float16] = at_frames(features, frames).half().numpy()
        return heard

    @torch.inference_mode()
    def read(self, one: Utterance) -> NDArray[np.float16]:
        """The text features of the utterance's tokens, `[tokens, width]`."""
        tokens = torch.from_numpy(one.tokens.astype(np.int64))[None]
        features = self.text_encoder(tokens, Lengths.of([len(one.tokens)]))
        spoken: NDArray[np.float16] = features[0].T.half().numpy()
        return spoken


def write(path: Path, spoken: Sequence[Utterance], ears: Ears, seed: Sequence[int]) -> None:
    """One shard as it was heard once."""
    random = np.random.default_rng(seed)
    heard, level, tokens, energy, ends = [], [], [], [], [0]
    for window in windows(spoken, random):
        wave = disturbed(window.wave, random)
        frames = len(wave) // SAMPLES_PER_FRAME
        heard.append(ears.hear(wave))
        level.append(levels(wave).reshape(-1, 2))
        tokens.append(window.tokens[:frames])
        energy.append(window.energy[:frames])
        ends.append(ends[-1] + frames)
    arrays: dict[str, Array] = {
        "heard": np.concatenate(heard),
        "levels": np.concatenate(level).astype(np.float16),
        "tokens": np.concatenate(tokens),
        "energy": np.concatenate(energy).astype(np.float16),
        "ends": np.array(ends[1:]),
    }
    if seed[1] == 0:
        arrays["spoken"] = np.concatenate([ears.read(one) for one in spoken])
        arrays["symbols"] = np.concatenate([one.tokens for one in spoken])
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    partial.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=COPIES)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    ears = Ears(PipelineSettings())
    for copy in range(options.copies):
        for shard in sorted(options.corpus.glob("*.npz")):
            path = options.out / f"{shard.stem}-{copy}.npz"
            if not path.exists():
                write(path, read_shard(shard), ears, (int(shard.stem), copy))
                print(path.name, flush=True)


if __name__ == "__main__":
    main()
