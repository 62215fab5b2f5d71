"""The first and the last stage of the small model; the diffusion is that of Make-An-Audio."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from pipelines.models.foley.catalogue import RULES, SOUNDS
from pipelines.models.foley.files import FoleyFiles
from pipelines.models.foley.frontend import FoleyFrontend
from pipelines.models.foley.synthesis.rendering import FADE_OUT_SECONDS
from pipelines.models.foley.synthesis.sound import DISTANCE, SPACE
from pipelines.models.foley.words import traits_in
from pipelines.models.makeanaudio.segments import Floats, SoundAcoustic, SoundSegment
from pipelines.models.makeanaudio_small.checkpoint import SmallFiles
from pipelines.models.makeanaudio_small.conditions import condition
from pipelines.networks.guidance import NO_GUIDANCE
from pipelines.protocol import Segment, Waveform
from pipelines.requests.sound import HOP, LATENT_FRAMES, SAMPLE_RATE, SoundRequest, check
from pipelines.runtime.device import configure
from pipelines.runtime.equal_lengths import together
from pipelines.runtime.precision import autocast, place
from pipelines.runtime.transfer import to_device, to_host
from pipelines.settings import PipelineSettings

NAMED_TRAIT = 0.8
"""Value, of at most 1, of a trait that the description names."""
NEAR = 0.0
"""Distance and space if the description does not name them: near, and no reverberation."""
UNKNOWN = frozenset(SOUNDS) - frozenset(RULES)
"""Kinds that it was not trained on: those that there are only recordings of."""
COLUMN = HOP * LATENT_FRAMES
"""Samples of a column of the latent."""


class SmallFrontend:
    """Descriptions to the condition of the diffusion: a kind of sound and its traits.

    Guidance has no effect: beyond the prior of a kind, sounds become worse.
    """

    def __init__(self, settings: PipelineSettings) -> None:
        """Raises WeightsMissing where MiniLM is not installed, and CheckpointError."""
        self._foley = FoleyFrontend(FoleyFiles.of(settings), settings)

    def prepare(self, requests: Sequence[SoundRequest]) -> list[list[Segment]]:
        """One segment for each request. Raises InvalidInput."""
        for request in requests:
            check(request)
        return [[self._segment(request)] for request in requests]

    def _segment(self, request: SoundRequest) -> SoundSegment:
        samples = math.trunc(SAMPLE_RATE * request.seconds)
        columns = math.ceil(samples / COLUMN)
        return SoundSegment(
            index=0,
            seed=request.seed,
            length=columns,
            text=self.condition(request.prompt),
            no_text=None,
            steps=request.steps,
            guidance=NO_GUIDANCE,
            missing=samples - columns * COLUMN,
        )

    def condition(self, prompt: str) -> Floats:
        """`[1, SIZE]`."""
        kind, _ = self._foley.nearest(prompt, UNKNOWN)
        traits = {DISTANCE: NEAR, SPACE: NEAR}
        traits |= {trait: NAMED_TRAIT * end for trait, end in traits_in(prompt).items()}
        own = RULES[kind].traits
        return condition(kind, {trait: traits[trait] for trait in own if trait in traits})[None]


class SmallVocoder:
    """Off a CPU sounds of one length run together. The segment's seed fixes the initial phases of
    Griffin-Lim."""

    sample_rate = SAMPLE_RATE

    def __init__(self, files: SmallFiles, settings: PipelineSettings) -> None:
        self._runtime = configure(settings)
        self._model = files.vocoder()
        place(self._model, self._runtime)

    @torch.inference_mode()
    def synthesize(self, acoustics: Sequence[SoundAcoustic]) -> list[Waveform]:
        """Each of the length asked for: the end is faded out, and the rest dropped."""
        waves: dict[int, Floats] = {}
        lengths = [acoustic.length for acoustic in acoustics]
        for members in together(lengths, self._runtime.device, self._model.frame_bytes):
            mels = np.stack([acoustics[member].mel for member in members])
            noises = [torch.Generator().manual_seed(acoustics[each].seed) for each in members]
            with autocast(self._runtime):
                samples = self._model(to_device(mels, self._runtime.device), noises).float()
            waves.update(zip(members, to_host(samples)[0], strict=True))
        return [_faded(waves[place], each.missing) for place, each in enumerate(acoustics)]


def _faded(samples: Floats, missing: int) -> Waveform:
    """Without what is too much, `-missing` samples."""
    waveform: Waveform = samples[: len(samples) + missing]
    waveform[-len(FADE) :] *= FADE
    return waveform


FADE = (
    np.cos(np.linspace(0, np.pi / 2, round(FADE_OUT_SECONDS * SAMPLE_RATE), dtype=np.float32)) ** 2
)
