"""The three stages of sound effects: text to conditioning, noise to mel, mel to waveform."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
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
from pipelines.networks.guidance import NO_GUIDANCE, GuidedRows
from pipelines.protocol import Acoustic, Segment, State, Waveform
from pipelines.requests.sound import (
    LATENT_FRAMES,
    LATENT_HEIGHT,
    SAMPLE_RATE,
    SoundRequest,
    check,
    latent_width,
    missing_samples,
)
from pipelines.runtime.device import configure
from pipelines.runtime.equal_lengths import together
from pipelines.runtime.graphs import Graphed
from pipelines.runtime.precision import autocast, in_types_of, place
from pipelines.runtime.step_batches import StepBatch, batch_of
from pipelines.runtime.transfer import to_device, to_host
from pipelines.settings import PipelineSettings

USUAL_WIDTH = latent_width(SoundRequest(prompt="").seconds)
"""Columns of a sound whose length nobody asked for."""
DECODED_BYTES = 2 << 20
"""The most that the decoder has alive at a time for a column of the latent: counted by
`benchmarks.operations`."""


class MakeAnAudioFrontend:
    """Descriptions to the vectors that the diffusion attends to; one segment per request.

    Always in float32: the encoder costs a tenth of one denoising step.
    """

    def __init__(self, files: MakeAnAudioFiles, settings: PipelineSettings) -> None:
        """Raises CheckpointError where a file does not fit, as the other stages do."""
        runtime = configure(settings)
        self._device = runtime.device
        self._tokenizer = Tokenizer(files.vocabulary)
        self._encoder = load_text_encoder(files, settings.cache)
        place(self._encoder, runtime.exact)

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

    @cached_property
    def _no_text(self) -> Floats:
        return self.encode([""])[0]

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> list[Floats]:
        """The conditioning of each text, `[77, context]`."""
        if not texts:
            return []
        [vectors] = to_host(self._encoder(to_device(self._tokenizer(texts), self._device)))
        return list(vectors)


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
    batch: SoundBatch | None = None
    place: int = 0


class SoundBatch(StepBatch):
    """States of one width. A pass of the network has two rows for a guided state, its text's and
    then the empty text's, and one for any other."""

    def __init__(
        self,
        states: Sequence[SoundState],
        device: torch.device,
        rows: Callable[[int], int] = lambda rows: rows,
    ) -> None:
        """`rows` says of how many rows a pass is that needs some number of them."""
        super().__init__(len(states), min(state.steps_left for state in states))
        self._latents = torch.stack([state.latent for state in states])
        texts = torch.cat([state.texts for state in states])
        most = rows(len(texts))
        self._texts = torch.cat([texts, texts[:1].expand(most - len(texts), -1, -1)])
        guided_rows = GuidedRows([len(state.texts) == 2 for state in states], device, most)
        scales = [state.segment.guidance for state in states]
        self._rows = guided_rows
        self._scales = to_device(scales, device)[:, None, None, None]
        plans = [state.steps[: self.steps] for state in states]
        levels = [[step.level for step in plan] for plan in plans]
        self._levels = guided_rows.spread(to_device(torch.tensor(levels), device)).t().contiguous()
        signals = [[(step.signal, step.signal_next) for step in plan] for plan in plans]
        by_step = torch.tensor(signals).permute(1, 2, 0).contiguous()
        self._signals = to_device(by_step, device)[..., None, None, None]

    def step(self, network: Callable[..., Tensor]) -> Tensor:
        """The latents after one step, `[members, channels, 10, columns]`. The network gives the
        noise, in float32."""
        number = self.next()
        rows = self._rows.spread(self._latents)
        packed = network(rows, self._levels[number], self._texts)
        noise = self._rows.guided(packed, self._scales)
        before, after = self._signals[number]
        self._latents = advance(self._latents, noise, before, after)
        return self._latents


class LatentModel(Protocol):
    """The networks between text and mel spectrogram; converted files are kept in `cache`. All
    raise CheckpointError."""

    @property
    def channels(self) -> int:
        """Of the latent."""
        ...

    @property
    def text_shape(self) -> tuple[int, int]:
        """Positions and width of what a description is for the denoiser."""
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
        signal, self._scale = model.constants(settings.cache)
        self._signal: list[float] = signal.tolist()
        self._text_shape = model.text_shape
        self._unet = model.denoiser(settings.cache)
        self._decoder = model.decoder(settings.cache)
        for module in (self._unet, self._decoder):
            place(module, self._runtime)
        denoise = in_types_of(self._runtime, self._unet)
        self._graphed = Graphed("the denoiser of sounds", denoise, self._runtime.graphs)
        self._graphed.warm_up(USUAL_WIDTH, self._rehearse)

    def _rehearse(self, members: int, seed: int) -> None:
        """Two steps of a batch of guided noise."""
        texts = np.random.default_rng(seed).standard_normal((2, *self._text_shape), np.float32)
        segment = SoundSegment(0, seed, USUAL_WIDTH, texts[0], texts[1], 10, 3.0, 0)
        states = self.begin([segment] * members)
        for _ in range(2):
            self.step(states)

    def begin(self, segments: Sequence[SoundSegment]) -> list[SoundState]:
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
            latent=to_device(torch.randn(shape, generator=noise)[0], self._runtime.device),
            texts=to_device(np.stack(texts), self._runtime.device),
            steps=steps,
        )

    @torch.inference_mode()
    def step(self, states: Sequence[SoundState]) -> None:
        by_width: defaultdict[int, list[SoundState]] = defaultdict(list)
        for state in states:
            by_width[state.segment.length].append(state)
        for members in by_width.values():
            batch = batch_of(members, self._batch)
            for state, latent in zip(members, batch.step(self._graphed), strict=True):
                state.latent = latent
                state.steps = state.steps[1:]
                state.steps_left = len(state.steps)

    def _batch(self, states: Sequence[SoundState]) -> SoundBatch:
        return SoundBatch(states, self._runtime.device, self._graphed.rows)

    @torch.inference_mode()
    def finish(self, states: Sequence[SoundState]) -> list[Acoustic]:
        """Mel spectrograms. The decoder's memory is a hundred times its output."""
        mels: dict[int, Floats] = {}
        widths = [state.segment.length for state in states]
        for members in together(widths, self._runtime.device, DECODED_BYTES):
            latents = torch.stack([states[member].latent for member in members])
            with autocast(self._runtime):
                decoded = self._decoder(latents / self._scale).float()
            mels.update(zip(members, to_host(decoded)[0], strict=True))
        return [_acoustic(state.segment, mels[place]) for place, state in enumerate(states)]


def _acoustic(segment: SoundSegment, mel: Floats) -> SoundAcoustic:
    return SoundAcoustic(
        index=segment.index,
        seed=segment.seed,
        length=mel.shape[1],
        mel=mel,
        missing=segment.missing,
    )


class MakeAnAudioVocoder:
    """BigVGAN. Off a CPU sounds of one length run together."""

    sample_rate = SAMPLE_RATE

    def __init__(self, files: MakeAnAudioFiles, settings: PipelineSettings) -> None:
        runtime = configure(settings)
        self._device = runtime.device
        self._model = load_vocoder(files, settings.cache)
        place(self._model, runtime)
        self._graphed = Graphed("BigVGAN", in_types_of(runtime, self._model), runtime.graphs)
        self._graphed.warm_up(LATENT_FRAMES * USUAL_WIDTH, self._rehearse)

    @torch.inference_mode()
    def _rehearse(self, members: int, seed: int) -> None:
        """A batch of noise, twice."""
        frames, draw = LATENT_FRAMES * USUAL_WIDTH, np.random.default_rng(seed)
        mels = draw.standard_normal((members, self._model.mels, frames), np.float32)
        for _ in range(2):
            self._graphed(to_device(mels, self._device))

    @torch.inference_mode()
    def synthesize(self, acoustics: Sequence[SoundAcoustic]) -> list[Waveform]:
        """Silence of `missing` samples is added at either end of each sound, as the authors do."""
        waves: dict[int, Floats] = {}
        lengths = [acoustic.length for acoustic in acoustics]
        for members in together(lengths, self._device, self._model.frame_bytes):
            mels = np.stack([acoustics[member].mel for member in members])
            samples = self._graphed(to_device(mels, self._device))
            waves.update(zip(members, to_host(samples)[0], strict=True))
        return [np.pad(waves[place], each.missing) for place, each in enumerate(acoustics)]
