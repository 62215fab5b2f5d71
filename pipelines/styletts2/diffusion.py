"""The second stage of text to speech: tokens to durations, F0, energy and aligned features."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pipelines.checkpoints import fill, load
from pipelines.lengths import Lengths, padded
from pipelines.protocol import Acoustic, State
from pipelines.settings import PipelineSettings
from pipelines.styletts2.acoustic import AcousticModel
from pipelines.styletts2.config import ModelConfig
from pipelines.styletts2.segments import SpeechAcoustic, SpeechSegment, SpeechState
from pipelines.torch_runtime import configure


class KokoroDiffusion:
    """Styles come from a voice pack, so there is nothing to denoise: the work is in `finish`."""

    def __init__(self, checkpoint: str, config: ModelConfig, settings: PipelineSettings) -> None:
        self._config = config
        self._device = configure(settings).device
        model = AcousticModel(config)
        prefixes = [f"{name}." for name, _ in model.named_children()]
        fill(model, load(checkpoint, prefixes, settings))
        self.model = model.eval().to(self._device)

    def begin(self, segments: Sequence[SpeechSegment]) -> list[State]:
        return [SpeechState(segment, steps_left=0) for segment in segments]

    def step(self, states: Sequence[SpeechState]) -> None:
        raise AssertionError(f"{len(states)} states were stepped that have no steps left")

    @torch.inference_mode()
    def finish(self, states: Sequence[SpeechState]) -> list[Acoustic]:
        """Durations, F0, energy and aligned text features of a batch."""
        segments = [state.segment for state in states]
        half = self._config.style
        batch = self.model(
            padded([segment.tokens for segment in segments], self._device),
            padded([segment.style[half:] for segment in segments], self._device),
            torch.tensor([segment.speed for segment in segments], device=self._device),
            Lengths.of([segment.length for segment in segments], self._device),
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
                style=segment.style[:half],
            )
            for i, (segment, frames) in enumerate(zip(segments, batch.lengths.values, strict=True))
        ]
