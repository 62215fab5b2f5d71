"""The third stage of text to speech: acoustic features to waveforms. Needs no transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pipelines.audio.clipping import soft_clipped
from pipelines.audio.edges import fade, kept, with_pauses
from pipelines.audio.gating import gated
from pipelines.audio.inner_pauses import Cut, cuts, held, paused
from pipelines.audio.stretching import cycles_of, stretched
from pipelines.models.styletts2.checkpoint import Checkpoint
from pipelines.models.styletts2.decoder import Decoder
from pipelines.models.styletts2.segments import SpeechAcoustic
from pipelines.networks.vocoders.source import source_noise
from pipelines.protocol import Utterance, Waveform, Word
from pipelines.runtime.device import configure
from pipelines.runtime.lengths import Lengths, padded
from pipelines.runtime.precision import place
from pipelines.runtime.transfer import to_host
from pipelines.runtime.unfilled import Unfilled
from pipelines.settings import PipelineSettings

EXAMPLE_FRAMES = 80
KNEE = 0.9
"""Of full scale: what is louder is bent, see `soft_clipped`. Speech seldom is."""
SOUND_LEADS = 0.04
"""Seconds by which sounds begin before the frames of their tokens: by the waveform behind pauses; a
forced alignment has twice as much (`benchmarks/word_times.py`)."""


class StyleTTS2Vocoder:
    """The decoder: acoustic features to waveforms."""

    def __init__(self, checkpoint: Checkpoint, settings: PipelineSettings) -> None:
        """Raises WeightsMissing, CheckpointError."""
        self._config = checkpoint.config
        self.sample_rate = self._config.sample_rate
        runtime = configure(settings)
        with Unfilled():
            self.model = Decoder(self._config)
        checkpoint.fill(self.model, "decoder.")
        place(self.model, runtime)
        self._device = runtime.device
        self.same_by_any_threads = runtime.fast

    def example(self) -> SpeechAcoustic:
        """Two seconds of a monotone."""
        config, frames = self._config, EXAMPLE_FRAMES
        return SpeechAcoustic(
            index=0,
            seed=0,
            length=frames,
            asr=np.zeros((config.hidden, frames), np.float32),
            f0=np.full(2 * frames, 120.0, np.float32),
            energy=np.zeros(2 * frames, np.float32),
            style=np.zeros(config.style, np.float32),
        )

    @torch.inference_mode()
    def synthesize(self, acoustics: Sequence[SpeechAcoustic], noise: bool = True) -> list[Waveform]:
        """One waveform per member. Without `noise` the result depends on no seed."""
        return [utterance.waveform for utterance in self.utter(acoustics, noise)]

    @torch.inference_mode()
    def utter(self, acoustics: Sequence[SpeechAcoustic], noise: bool = True) -> list[Utterance]:
        """The waveforms, and when their words are said in them."""
        device = self._device
        waves = self.model(
            padded([acoustic.asr for acoustic in acoustics], device),
            padded([acoustic.f0 for acoustic in acoustics], device),
            padded([acoustic.energy for acoustic in acoustics], device),
            padded([acoustic.style for acoustic in acoustics], device),
            Lengths.of([acoustic.length for acoustic in acoustics], device),
            self.draw(acoustics) if noise else None,
        )
        samples = to_host(
            *(
                acoustic.gain * wave[: len(wave) - acoustic.cut]
                for wave, acoustic in zip(waves, acoustics, strict=True)
            )
        )
        return [
            self._finished(gated(soft_clipped(wave, KNEE), acoustic.gate), acoustic)
            for wave, acoustic in zip(samples, acoustics, strict=True)
        ]

    def _finished(self, samples: Waveform, acoustic: SpeechAcoustic) -> Utterance:
        """The samples at their speed, with the silence that is due around them."""
        rate, edges = self.sample_rate, acoustic.edges
        step = self.model.samples_per_frame // 2
        span = self._heard(acoustic)
        found = cuts(acoustic.marks, acoustic.energy, step, rate)
        found = tuple(replace(cut, place=cut.place - (span.start or 0)) for cut in found)
        played = samples[span]
        inside = tuple(cut for cut in found if 0 < cut.place < len(played) + min(0, cut.samples))
        played = paused(played, inside, rate)
        fade(played, acoustic.skip_start > 0, acoustic.skip_end > 0, rate)
        if acoustic.stretch != 1:
            cycles = cycles_of(acoustic.f0, step, rate)
            cycles = held(cycles[span], inside)
            played = stretched(played, acoustic.stretch, rate, cycles)
        words = tuple(
            _moved(
                _after_cuts(word, inside, span.start or 0, rate),
                acoustic.stretch,
                edges.before,
                len(played) / rate,
            )
            for word in acoustic.words
        )
        return Utterance(with_pauses(played, edges, rate), words)

    def _heard(self, acoustic: SpeechAcoustic) -> slice:
        """The samples that are the segment's own, without the silence that its edges cut off."""
        step, rate = self.model.samples_per_frame // 2, self.sample_rate
        first, last = 2 * acoustic.skip_start, len(acoustic.energy) - 2 * acoustic.skip_end
        found = kept(acoustic.edges, acoustic.energy[first:last], step, rate)
        start = first * step + (found.start or 0)
        ends = [] if found.stop is None else [first * step + found.stop]
        ends += [last * step] if acoustic.skip_end else []
        return slice(start, min(ends, default=None))

    def draw(self, acoustics: Sequence[SpeechAcoustic]) -> Tensor:
        """The harmonic source's, each member's from its own seed."""
        samples = [acoustic.length * self.model.samples_per_frame for acoustic in acoustics]
        return source_noise([acoustic.seed for acoustic in acoustics], samples, self._device)


def _after_cuts(word: Word, found: Sequence[Cut], first: int, rate: int) -> Word:
    """A word of a waveform that begins with sample `first`, and whose pauses were changed."""

    def at(time: float) -> float:
        place = time * rate - first
        for cut in found:
            place = cut.moved(place)
        return place / rate

    return replace(word, start=at(word.start), stop=at(word.stop))


def _moved(word: Word, factor: float, before: float, seconds: float) -> Word:
    """A word of a waveform that is played `factor` times as fast, lasts `seconds` then, and comes
    after `before` seconds of silence. Its times were those of frames."""

    def at(time: float) -> float:
        return before + min(max((time - SOUND_LEADS) / factor, 0.0), seconds)

    return replace(word, start=at(word.start), stop=at(word.stop))
