"""The second stage of text to speech: tokens to a style, durations, F0, energy and features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pipelines.models.styletts2.acoustic import AcousticModel
from pipelines.models.styletts2.checkpoint import Checkpoint
from pipelines.models.styletts2.guidance import GuidedDenoiser
from pipelines.models.styletts2.sampler import SamplerStep, advance, schedule
from pipelines.models.styletts2.segments import Floats, SpeechAcoustic, SpeechSegment
from pipelines.models.styletts2.styles import mixed_style
from pipelines.protocol import Acoustic, State
from pipelines.runtime.device import configure
from pipelines.runtime.lengths import Lengths, padded
from pipelines.runtime.packed_layers import pack_layers
from pipelines.runtime.precision import place
from pipelines.settings import PipelineSettings

SLOWEST, FASTEST = 0.7, 1.5
"""At lower speeds the model fills its pauses with noise, at higher ones it drops sounds."""


@dataclass(slots=True)
class SpeechState(State):
    """A segment whose style is between noise and its final value.

    `x` `[2 · style]` is the style so far, `text` `[tokens, width]` the output of PL-BERT, `steps`
    are the remaining ones.
    """

    segment: SpeechSegment
    text: Tensor
    x: Tensor
    steps: Sequence[SamplerStep]
    noise: torch.Generator


class StyleTTS2Diffusion:
    """The acoustic model. Where styles are given, no step is needed: all work is in `begin` and
    `finish`."""

    def __init__(self, checkpoint: Checkpoint, settings: PipelineSettings) -> None:
        """Raises WeightsMissing, CheckpointError."""
        self.config = checkpoint.config
        self._runtime = configure(settings)
        self._device = self._runtime.device
        self.model = AcousticModel(self.config)
        checkpoint.fill(self.model)
        self.model.to(self._device)
        if self.model.diffusion is not None:
            place(self.model.diffusion, self._runtime)
        pack_layers(self.model)

    @torch.inference_mode()
    def begin(self, segments: Sequence[SpeechSegment]) -> list[State]:
        """What PL-BERT makes of the texts, and noise from each segment's own seed."""
        lengths = Lengths.of([segment.length for segment in segments], self._device)
        tokens = padded([segment.tokens for segment in segments], self._device)
        texts = self.model.read(tokens, lengths)
        return [
            self._state(segment, text[: segment.length])
            for segment, text in zip(segments, texts, strict=True)
        ]

    def _state(self, segment: SpeechSegment, text: Tensor) -> SpeechState:
        noise = torch.Generator().manual_seed(segment.seed)
        if segment.sampling is None:
            return SpeechState(segment, 0, text, text.new_zeros(0), (), noise)
        steps = schedule(segment.sampling.noise_levels)
        x = steps[0].start * self.draw([noise])[0]
        return SpeechState(segment, len(steps), text, x, steps, noise)

    def draw(self, generators: Sequence[torch.Generator]) -> Tensor:
        """Standard normal `[members, 2 · style]`.

        Drawn on the CPU, so that a seed gives the same noise on every device.
        """
        size = 2 * self.config.style
        rows = [torch.randn(size, generator=generator) for generator in generators]
        return torch.stack(rows).to(self._device)

    @torch.inference_mode()
    def step(self, states: Sequence[SpeechState]) -> None:
        """Two passes of the denoiser over all states."""
        if not all(state.steps_left for state in states):
            raise ValueError("A state was stepped that has no steps left")
        advanced = advance(
            self._denoiser(states),
            torch.stack([state.x for state in states]),
            [state.steps[0] for state in states],
            self.draw([state.noise for state in states]),
        )
        for state, row in zip(states, advanced, strict=True):
            state.x = row
            state.steps = state.steps[1:]
            state.steps_left = len(state.steps)

    def _denoiser(self, states: Sequence[SpeechState]) -> GuidedDenoiser:
        segments = [state.segment for state in states]
        references = [segment.style for segment in segments if segment.style is not None]
        return GuidedDenoiser(
            self.model.denoiser,
            [state.text for state in states],
            padded(references, self._device) if self.config.multispeaker else None,
            [segment.sampling.scale for segment in segments if segment.sampling is not None],
            self._runtime,
        )

    @torch.inference_mode()
    def finish(self, states: Sequence[SpeechState]) -> list[Acoustic]:
        """Styles, durations, F0, energy and aligned text features of a batch."""
        segments = [state.segment for state in states]
        styles = [_style(state) for state in states]
        half = self.config.style
        batch = self.model.speak(
            padded([segment.tokens for segment in segments], self._device),
            pad_sequence([state.text for state in states], batch_first=True),
            padded([style[half:] for style in styles], self._device),
            torch.tensor([model_speed(segment.speed) for segment in segments], device=self._device),
            Lengths.of([segment.length for segment in segments], self._device),
            [0 if _in_long_form(segment) else self.config.final_frames for segment in segments],
        )
        asr, f0, energy = (x.cpu().numpy() for x in (batch.asr, batch.f0, batch.energy))
        return [
            SpeechAcoustic(
                index=segment.index,
                seed=segment.seed,
                length=frames,
                # Copies, so that a short member does not carry the batch's padding along.
                asr=asr[i, :, :frames].copy(),
                f0=f0[i, : 2 * frames].copy(),
                energy=energy[i, : 2 * frames].copy(),
                style=styles[i][:half],
                gain=segment.gain,
                cut=self.config.cut_long_form if _in_long_form(segment) else self.config.cut,
                stretch=segment.speed / model_speed(segment.speed),
                edges=segment.edges,
                carried=styles[i] if _in_long_form(segment) else None,
            )
            for i, (segment, frames) in enumerate(zip(segments, batch.lengths.values, strict=True))
        ]


def model_speed(speed: float) -> float:
    """The part of a speed that the model speaks at; the rest is left to the waveform."""
    return min(max(speed, SLOWEST), FASTEST)


def _style(state: SpeechState) -> Floats:
    segment = state.segment
    if segment.sampling is None:
        if segment.style is None:
            raise ValueError("A segment has neither a style nor a way to sample one")
        return segment.style
    sampled = state.x.cpu().numpy()
    return mixed_style(sampled, segment.sampling, segment.style, segment.previous)


def _in_long_form(segment: SpeechSegment) -> bool:
    return segment.sampling is not None and segment.sampling.long_form
