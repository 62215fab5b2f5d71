"""The three stages of sound effects: text to conditioning, noise to mel, mel to waveform."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.models.makeanaudio.checkpoint import (
    MakeAnAudioFiles,
    load_text_encoder,
    load_vocoder,
)
from pipelines.models.makeanaudio.ddim import DDIMStep, advance, plan
from pipelines.models.makeanaudio.description_encoder import Tokenizer
from pipelines.models.makeanaudio.segments import Floats, SoundAcoustic, SoundSegment
from pipelines.networks.guidance import NO_GUIDANCE, guided
from pipelines.protocol import Acoustic, Segment, State, Waveform
from pipelines.requests.sound import (
    LATENT_HEIGHT,
    SAMPLE_RATE,
    SoundRequest,
    check,
    latent_width,
    missing_samples,
)
from pipelines.runtime.device import configure
from pipelines.runtime.precision import autocast, place
from pipelines.settings import PipelineSettings


class MakeAnAudioFrontend:
    """Descriptions to the vectors that the diffusion attends to; one segment per request.

    Always in float32: the encoder costs a tenth of one denoising step.
    """

    def __init__(self, files: MakeAnAudioFiles, settings: PipelineSettings) -> None:
        """Raises CheckpointError where a file does not fit, as the other stages do."""
        self._device = configure(settings).device
        self._tokenizer = Tokenizer(files.vocabulary)
        self._encoder = load_text_encoder(files, settings.cache).to(self._device)
        self._no_text = self.encode([""])[0]

    def prepare(self, requests: Sequence[SoundRequest]) -> list[list[Segment]]:
        """Raises InvalidInput."""
        for request in requests:
            check(request)
        texts = self.encode([request.prompt for request in requests])
        return [
            [
                SoundSegment(
                    index=0,
                    seed=request.seed,
                    length=latent_width(request.seconds),
                    text=text,
                    no_text=None if request.guidance == NO_GUIDANCE else self._no_text,
                    steps=request.steps,
                    guidance=request.guidance,
                    missing=missing_samples(request.seconds),
                )
            ]
            for request, text in zip(requests, texts, strict=True)
        ]

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> list[Floats]:
        """The conditioning of each text, `[77, context]`."""
        if not texts:
            return []
        vectors = self._encoder(self._tokenizer(texts).to(self._device))
        return list(vectors.cpu().numpy())


@dataclass(slots=True)
class SoundState(State):
    """A latent between noise and sound. `steps` are the remaining ones, in order.

    `latent` is `[channels, 10, columns]`, `texts` `[1 or 2, positions, context]`: the description
    and, where there is guidance, the empty text.
    """

    segment: SoundSegment
    latent: Tensor
    texts: Tensor
    steps: list[DDIMStep]

    @property
    def rows(self) -> int:
        """Rows of a packed batch that a step of this state takes."""
        return len(self.texts)


class LatentModel(Protocol):
    """The networks between text and mel spectrogram; converted files are kept in `cache`. All
    raise CheckpointError."""

    @property
    def channels(self) -> int:
        """Of the latent."""
        ...

    def denoiser(self, cache: Path, /) -> nn.Module:
        """Latents, levels `[batch]` and texts to the noise, in the shape of the latents."""
        ...

    def decoder(self, cache: Path, /) -> nn.Module:
        """Latents `[batch, channels, 10, columns]` to log10 mel `[batch, 80, 8 * columns]`."""
        ...

    def constants(self, cache: Path, /) -> tuple[Tensor, float]:
        """ᾱ of the training levels `[levels]`, and the factor between latents and decoder."""
        ...


class MakeAnAudioDiffusion:
    """Noise to a mel spectrogram.

    A step runs all states of one width together; their noise levels may differ. States of different
    widths cannot share a batch, because every layer of the network sees the whole latent.
    """

    def __init__(self, model: LatentModel, settings: PipelineSettings) -> None:
        self._runtime = configure(settings)
        self._channels = model.channels
        self._signal, self._scale = model.constants(settings.cache)
        self._unet = model.denoiser(settings.cache)
        self._decoder = model.decoder(settings.cache)
        for module in (self._unet, self._decoder):
            place(module, self._runtime)

    def begin(self, segments: Sequence[SoundSegment]) -> list[State]:
        """Noise from each segment's own seed."""
        return [self._begin(segment) for segment in segments]

    def _begin(self, segment: SoundSegment) -> SoundState:
        noise = torch.Generator().manual_seed(segment.seed)
        shape = (1, self._channels, LATENT_HEIGHT, segment.length)
        texts = [segment.text] if segment.no_text is None else [segment.text, segment.no_text]
        steps = plan(segment.steps, self._signal)
        return SoundState(
            segment=segment,
            steps_left=len(steps),
            latent=torch.randn(shape, generator=noise)[0].to(self._runtime.device),
            texts=torch.from_numpy(np.stack(texts)).to(self._runtime.device),
            steps=steps,
        )

    @torch.inference_mode()
    def step(self, states: Sequence[SoundState]) -> None:
        by_width: defaultdict[int, list[SoundState]] = defaultdict(list)
        for state in states:
            by_width[state.segment.length].append(state)
        for members in by_width.values():
            latents = torch.stack([state.latent for state in members])
            steps = [state.steps[0] for state in members]
            latents = advance(latents, self._noise(members, latents, steps), steps)
            for state, latent in zip(members, latents, strict=True):
                state.latent = latent
                state.steps = state.steps[1:]
                state.steps_left = len(state.steps)

    def _noise(
        self, states: Sequence[SoundState], latents: Tensor, steps: Sequence[DDIMStep]
    ) -> Tensor:
        """The predicted noise, with guidance: one packed pass, of two rows for a guided state."""
        device = self._runtime.device
        rows = torch.tensor([state.rows for state in states], device=device)
        levels = torch.tensor([step.level for step in steps], device=device)
        with autocast(self._runtime):
            packed = self._unet(
                latents.repeat_interleave(rows, dim=0),
                levels.repeat_interleave(rows),
                torch.cat([state.texts for state in states]),
            ).float()
        # A state without guidance has one row, which is both of what is mixed.
        ends = rows.cumsum(0)
        scales = torch.tensor([state.segment.guidance for state in states], device=device)
        return guided(packed[ends - rows], packed[ends - 1], scales[:, None, None, None])

    @torch.inference_mode()
    def finish(self, states: Sequence[SoundState]) -> list[Acoustic]:
        """Mel spectrograms, one at a time: the decoder's memory is a hundred times its output."""
        return [self._finish(state) for state in states]

    def _finish(self, state: SoundState) -> SoundAcoustic:
        with autocast(self._runtime):
            mel = self._decoder(state.latent[None] / self._scale)[0].float().cpu().numpy()
        return SoundAcoustic(
            index=state.segment.index,
            seed=state.segment.seed,
            length=mel.shape[1],
            mel=mel,
            missing=state.segment.missing,
        )


class MakeAnAudioVocoder:
    """BigVGAN, one sound at a time: one sound keeps all cores busy, and its memory is large."""

    sample_rate = SAMPLE_RATE

    def __init__(self, files: MakeAnAudioFiles, settings: PipelineSettings) -> None:
        self._runtime = configure(settings)
        self._model = load_vocoder(files, settings.cache)
        place(self._model, self._runtime)

    @torch.inference_mode()
    def synthesize(self, acoustics: Sequence[SoundAcoustic]) -> list[Waveform]:
        """Silence of `missing` samples is added at either end of each sound, as the authors do."""
        return [np.pad(self._waveform(acoustic.mel), acoustic.missing) for acoustic in acoustics]

    def _waveform(self, mel: Floats) -> Floats:
        with autocast(self._runtime):
            samples = self._model(torch.from_numpy(mel)[None].to(self._runtime.device))
        waveform: Floats = samples[0].cpu().numpy()
        return waveform
