"""The second stage of text to speech: tokens to a style, durations, F0, energy and features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pipelines.audio.inner_pauses import Mark
from pipelines.models.styletts2.acoustic import AcousticModel
from pipelines.models.styletts2.checkpoint import Checkpoint
from pipelines.models.styletts2.guidance import TOKENS, DenoiserPasses, GuidedDenoiser
from pipelines.models.styletts2.sampler import SamplerStep, advance, levels_of, schedule
from pipelines.models.styletts2.segments import Floats, SpeechAcoustic, SpeechSegment
from pipelines.models.styletts2.styles import mixed_style
from pipelines.protocol import Acoustic, State, Word
from pipelines.requests.speech import Sampling
from pipelines.runtime.device import configure
from pipelines.runtime.lengths import Lengths, padded
from pipelines.runtime.precision import place
from pipelines.runtime.step_batches import StepBatch, batch_of
from pipelines.runtime.transfer import to_device, to_host
from pipelines.runtime.unfilled import Unfilled
from pipelines.settings import PipelineSettings

SLOWEST, FASTEST = 0.7, 1.5
"""At lower speeds the model fills its pauses with noise, at higher ones it drops sounds."""
EXAMPLE_TOKENS = 16
MARGIN_FRAMES = 6
"""What the decoder hears of a neighbour: 150 ms."""


@dataclass(slots=True)
class SpeechState(State):
    """A segment whose style is between noise and its final value.

    `x` `[2 · style]` is the style so far, `text` `[tokens, width]` what PL-BERT made of the tokens,
    `steps` are those that are left, `noise` `[steps, 2 · style]` is what all steps add.
    """

    segment: SpeechSegment
    text: Tensor
    x: Tensor
    steps: Sequence[SamplerStep]
    noise: Tensor
    batch: StyleBatch | None = None
    place: int = 0


class StyleBatch(StepBatch):
    """States whose styles are denoised together."""

    def __init__(
        self, denoiser: GuidedDenoiser, states: Sequence[SpeechState], device: torch.device
    ) -> None:
        super().__init__(len(states), min(state.steps_left for state in states))
        self._denoiser = denoiser
        self._x = torch.stack([state.x for state in states])
        coming = list(zip(*(state.steps[: self.steps] for state in states), strict=True))
        # By step: `[steps, 4, members]`, and `[steps, members, 2 · style]`.
        levels = torch.stack([levels_of(steps, torch.device("cpu")) for steps in coming])
        self._levels = to_device(levels, device)
        ends = [len(state.noise) - state.steps_left for state in states]
        noises = [
            state.noise[end : end + self.steps] for state, end in zip(states, ends, strict=True)
        ]
        self._noise = torch.stack(noises, dim=1)

    def step(self) -> Tensor:
        """The styles after one step, `[members, 2 · style]`."""
        number = self.next()
        self._x = advance(self._denoiser, self._x, self._levels[number], self._noise[number])
        return self._x


class StyleTTS2Diffusion:
    """The acoustic model. Where styles are given, no step is needed: all work is in `begin` and
    `finish`."""

    def __init__(self, checkpoint: Checkpoint, settings: PipelineSettings) -> None:
        """Raises WeightsMissing, CheckpointError."""
        self.config = checkpoint.config
        self._runtime = configure(settings)
        self._device = self._runtime.device
        with Unfilled():
            self.model = AcousticModel(self.config)
        checkpoint.fill(self.model)
        place(self.model, self._runtime)
        if self.config.denoiser is not None:
            self._passes = DenoiserPasses(self.model.denoiser, self._runtime)
            for tokens in range(settings.chunk_characters // TOKENS + 1, 0, -1):
                self._passes.graphed.warm_up(
                    TOKENS * tokens, partial(self._rehearse, TOKENS * tokens)
                )
        samples = 2 * self.config.generator.samples_per_frame
        self._frame_seconds = samples / self.config.sample_rate

    def example(self) -> SpeechSegment:
        """A word or two in no voice."""
        return self._noise(EXAMPLE_TOKENS, 0)

    def _rehearse(self, tokens: int, members: int, seed: int) -> None:
        """A step of a batch of noise, which is two passes."""
        self.step(self.begin([self._noise(tokens, seed)] * members))

    def _noise(self, tokens: int, seed: int) -> SpeechSegment:
        noise = np.random.default_rng(seed)
        return SpeechSegment(
            index=0,
            seed=seed,
            length=tokens,
            text="",
            tokens=noise.integers(1, self.config.symbols, tokens),
            style=noise.standard_normal(2 * self.config.style, np.float32),
            speed=1.0,
            sampling=None if self.config.denoiser is None else Sampling(),
        )

    @torch.inference_mode()
    def begin(self, segments: Sequence[SpeechSegment]) -> list[SpeechState]:
        """What PL-BERT makes of the texts, and noise from each segment's own seed."""
        lengths = Lengths.of([segment.length for segment in segments], self._device)
        tokens = padded([segment.tokens for segment in segments], self._device)
        texts = self.model.read(tokens, lengths)
        return [
            self._state(segment, text[: segment.length])
            for segment, text in zip(segments, texts, strict=True)
        ]

    def _state(self, segment: SpeechSegment, text: Tensor) -> SpeechState:
        if segment.sampling is None:
            none = text.new_zeros(0)
            return SpeechState(segment, 0, text, none, (), none)
        steps = schedule(segment.sampling.noise_levels)
        first, *noise = self.draw(segment.seed, 1 + len(steps))
        x = steps[0].start * first
        return SpeechState(segment, len(steps), text, x, steps, torch.stack(noise))

    def draw(self, seed: int, rows: int) -> Tensor:
        """Standard normal `[rows, 2 · style]`, drawn on the CPU whatever the device."""
        size, noise = 2 * self.config.style, torch.Generator().manual_seed(seed)
        drawn = torch.stack([torch.randn(size, generator=noise) for _ in range(rows)])
        return to_device(drawn, self._device)

    @torch.inference_mode()
    def step(self, states: Sequence[SpeechState]) -> None:
        """Two passes of the denoiser over all states."""
        if not all(state.steps_left for state in states):
            raise ValueError("A state was stepped that has no steps left")
        advanced = batch_of(states, self._batch).step()
        for state, row in zip(states, advanced, strict=True):
            state.x = row
            state.steps = state.steps[1:]
            state.steps_left = len(state.steps)

    def _batch(self, states: Sequence[SpeechState]) -> StyleBatch:
        segments = [state.segment for state in states]
        references = [segment.style for segment in segments if segment.style is not None]
        denoiser = GuidedDenoiser(
            [state.text for state in states],
            padded(references, self._device) if self.config.multispeaker else None,
            [segment.sampling.scale for segment in segments if segment.sampling is not None],
            self._passes,
        )
        return StyleBatch(denoiser, states, self._device)

    @torch.inference_mode()
    def finish(self, states: Sequence[SpeechState]) -> list[Acoustic]:
        """Styles, durations, F0, energy and aligned text features of a batch."""
        segments = [state.segment for state in states]
        styles = _styles(states)
        half = self.config.style
        batch = self.model.speak(
            padded([segment.tokens for segment in segments], self._device),
            pad_sequence([state.text for state in states], batch_first=True),
            padded([style[half:] for style in styles], self._device),
            to_device([model_speed(segment.speed) for segment in segments], self._device),
            Lengths.of([segment.length for segment in segments], self._device),
            [0 if _in_long_form(segment) else self.config.final_frames for segment in segments],
        )
        asr, f0, energy, ends = to_host(batch.asr, batch.f0, batch.energy, batch.ends)
        spans = [
            _span(segment, member, frames)
            for segment, member, frames in zip(segments, ends, batch.lengths.values, strict=True)
        ]
        return [
            SpeechAcoustic(
                index=segment.index,
                seed=segment.seed,
                length=span.stop - span.start,
                # Copies, so that a short member does not carry the batch's padding along.
                asr=asr[i, :, span.start : span.stop].copy(),
                f0=f0[i, 2 * span.start : 2 * span.stop].copy(),
                energy=energy[i, 2 * span.start : 2 * span.stop].copy(),
                style=styles[i][:half],
                gain=segment.gain,
                cut=self.config.cut_long_form if _in_long_form(segment) else self.config.cut,
                stretch=segment.speed / model_speed(segment.speed),
                edges=segment.edges,
                carried=styles[i] if _in_long_form(segment) else None,
                words=_timed(segment, ends[i] - span.start, self._frame_seconds),
                marks=_marked(segment, ends[i] - span.start, self._frame_seconds),
                skip_start=span.own_start - span.start,
                skip_end=span.stop - span.own_stop,
            )
            for i, (segment, span) in enumerate(zip(segments, spans, strict=True))
        ]


class _Span(NamedTuple):
    """The frames of a segment that are kept, and those of them that are its own."""

    start: int
    own_start: int
    own_stop: int
    stop: int


def _span(segment: SpeechSegment, ends: NDArray[np.int64], frames: int) -> _Span:
    """Without the words of the neighbours, but for a margin that the decoder needs. `ends` is the
    frame at which each token ends."""
    own_start = int(ends[segment.lead]) if segment.lead else 0
    own_stop = int(ends[segment.length - 2 - segment.trail]) if segment.trail else frames
    own_stop = min(max(own_stop, own_start + 1), frames)
    start, stop = max(0, own_start - MARGIN_FRAMES), min(frames, own_stop + MARGIN_FRAMES)
    return _Span(start, own_start, own_stop, stop)


def _timed(segment: SpeechSegment, ends: NDArray[np.int64], frame: float) -> tuple[Word, ...]:
    """The words with their times. `ends` are in frames of so many seconds, one for each token."""
    edges = np.concatenate([[0], ends]) * frame
    return tuple(
        Word(word.begin, word.end, word.said, float(edges[word.first]), float(edges[word.last]))
        for word in segment.words
    )


def _marked(segment: SpeechSegment, ends: NDArray[np.int64], frame: float) -> tuple[Mark, ...]:
    """The marks with their times, and pauses as the model's part of the speed has them."""
    edges, speed = np.concatenate([[0], ends]) * frame, model_speed(segment.speed)
    return tuple(
        Mark(
            float(edges[mark.first]),
            float(edges[mark.last]),
            mark.least / speed,
            mark.longest / speed,
        )
        for mark in segment.marks
    )


def model_speed(speed: float) -> float:
    """The part of a speed that the model speaks at; the rest is left to the waveform."""
    return min(max(speed, SLOWEST), FASTEST)


def _styles(states: Sequence[SpeechState]) -> list[Floats]:
    """Of each segment, given or mixed with what was sampled."""
    sampled = [state.x for state in states if state.segment.sampling is not None]
    found = iter(to_host(torch.stack(sampled))[0] if sampled else ())
    return [_style(state.segment, found) for state in states]


def _style(segment: SpeechSegment, sampled: Iterator[Floats]) -> Floats:
    if segment.sampling is None:
        if segment.style is None:
            raise ValueError("A segment has neither a style nor a way to sample one")
        return segment.style
    return mixed_style(next(sampled), segment.sampling, segment.style, segment.previous)


def _in_long_form(segment: SpeechSegment) -> bool:
    return segment.sampling is not None and segment.sampling.long_form
