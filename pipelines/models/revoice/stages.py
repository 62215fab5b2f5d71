"""The second stage of the small converter. The third is the decoder of Kokoro, unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pipelines.models.revoice.checkpoint import load_head
from pipelines.models.revoice.contour import filled
from pipelines.models.revoice.head import LEVELS_PER_FRAME, ContentHead
from pipelines.models.revoice.segments import Floats, RevoiceSegment
from pipelines.models.styletts2.config import KOKORO
from pipelines.models.styletts2.segments import SpeechAcoustic
from pipelines.protocol import State
from pipelines.runtime.device import Runtime, configure
from pipelines.runtime.lengths import Lengths, padded
from pipelines.runtime.precision import autocast, place
from pipelines.settings import PipelineSettings

EXAMPLE_FRAMES = 80


@dataclass(slots=True)
class RevoiceState(State):
    segment: RevoiceSegment


class RevoiceDiffusion:
    """An acoustic model without diffusion: all work is in `finish`."""

    def __init__(self, head: ContentHead, runtime: Runtime) -> None:
        self.head = head
        self._runtime = runtime
        place(head, runtime)

    @classmethod
    def load(cls, settings: PipelineSettings) -> RevoiceDiffusion:
        """Raises CheckpointError."""
        return cls(load_head(settings), configure(settings))

    def example(self) -> RevoiceSegment:
        """Two seconds in which nobody speaks."""
        frames = EXAMPLE_FRAMES
        return RevoiceSegment(
            index=0,
            seed=0,
            length=frames,
            content=np.zeros((frames, self.head.config.heard), np.float16),
            levels=np.zeros((frames, LEVELS_PER_FRAME), np.float32),
            before=0,
            after=0,
            pitch=np.zeros(2 * frames, np.float32),
            gate=np.zeros(2 * frames, np.float32),
            style=np.zeros(KOKORO.style, np.float32),
            gain=1.0,
        )

    def begin(self, segments: Sequence[RevoiceSegment]) -> list[State]:
        return [RevoiceState(segment, steps_left=0) for segment in segments]

    def step(self, states: Sequence[State]) -> None:
        """Never needed: every state is finished from the beginning."""

    @torch.inference_mode()
    def finish(self, states: Sequence[RevoiceState]) -> list[SpeechAcoustic]:
        """Text features and energy of each window, without its context."""
        segments = [state.segment for state in states]
        device = self._runtime.device
        content = padded([segment.content.T for segment in segments], device).mT.float()
        levels = padded([segment.levels.T for segment in segments], device).mT
        lengths = Lengths.of([segment.length for segment in segments], device)
        with autocast(self._runtime):
            made = self.head(content, levels, lengths)
        asr, energy = made.asr.float().cpu().numpy(), made.energy.float().cpu().numpy()
        return [
            _acoustic(segment, asr[member], energy[member])
            for member, segment in enumerate(segments)
        ]


def _acoustic(segment: RevoiceSegment, asr: Floats, energy: Floats) -> SpeechAcoustic:
    first, last = segment.before, segment.length - segment.after
    energy = energy[LEVELS_PER_FRAME * first : LEVELS_PER_FRAME * last].copy()
    return SpeechAcoustic(
        index=segment.index,
        seed=segment.seed,
        length=last - first,
        asr=asr[:, first:last].copy(),
        f0=filled(segment.pitch, energy),
        energy=energy,
        style=segment.style,
        gain=segment.gain,
        gate=segment.gate,
    )
