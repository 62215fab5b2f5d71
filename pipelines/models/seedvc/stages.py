"""Diffusion and vocoder stages of voice conversion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pipelines.audio.gating import gated
from pipelines.models.seedvc.checkpoint import SeedVCFiles, load_estimator, load_vocoder
from pipelines.models.seedvc.config import read_config
from pipelines.models.seedvc.dit import VelocityEstimator
from pipelines.models.seedvc.flow import NOTHING, Flow, FlowBatch
from pipelines.models.seedvc.flow_buckets import Filling, filling
from pipelines.models.seedvc.segments import ConversionSegment, Floats, MelAcoustic
from pipelines.models.seedvc.windows import context_frames
from pipelines.networks.vocoders.bigvgan import BigVGAN
from pipelines.protocol import Waveform
from pipelines.runtime.device import Runtime, configure
from pipelines.runtime.equal_lengths import together
from pipelines.runtime.graphs import Graphed
from pipelines.runtime.precision import autocast, in_types_of, place
from pipelines.runtime.sequence_packing import Index, IndexedPacking, Packing
from pipelines.runtime.step_batches import batch_of
from pipelines.runtime.transfer import to_device, to_host
from pipelines.settings import PipelineSettings

WINDOW = context_frames(22_050, 256)
"""Frames of a full window of the published models."""


class SeedVCDiffusion:
    """Noise to the mel of a window by flow matching."""

    def __init__(
        self, estimator: VelocityEstimator, runtime: Runtime, window: int = WINDOW
    ) -> None:
        """`window` are the frames of a full one, its reference included."""
        self.estimator = estimator
        self._runtime = runtime
        self._window = window
        place(estimator, runtime)
        self._plain = in_types_of(runtime, estimator)
        self._graphed = Graphed("the velocity estimator", self._indexed, runtime.graphs)
        with torch.inference_mode(), autocast(runtime):
            self._null = estimator.null_condition()

    @classmethod
    def load(cls, files: SeedVCFiles, settings: PipelineSettings) -> SeedVCDiffusion:
        """Raises CheckpointError where the model does not fit the configuration."""
        runtime, config = configure(settings), read_config(files.config)
        window = context_frames(config.sample_rate, config.mel.hop)
        stage = cls(load_estimator(files.model, config, settings.cache), runtime, window)
        stage.warm_up()
        return stage

    @torch.inference_mode()
    def begin(self, segments: Sequence[ConversionSegment]) -> list[Flow]:
        """Noise behind the reference, each from its segment's own seed."""
        return [self._begin(segment) for segment in segments]

    @torch.inference_mode()
    def step(self, states: Sequence[Flow]) -> None:
        batch = batch_of(states, self._batch)
        for state, x in zip(states, batch.step(self._estimate), strict=True):
            state.x = x
            state.steps_left -= 1

    def _batch(self, flows: Sequence[Flow]) -> FlowBatch:
        return FlowBatch(flows, self._null, self._fill)

    def _fill(self, lengths: Sequence[int]) -> Filling:
        return filling(lengths, self._window) if self._graphed.captures else NOTHING

    def _estimate(self, x: Tensor, condition: Tensor, time: Tensor, packing: Packing) -> Tensor:
        if self._runtime.graphs is None:
            return self._plain(x, condition, time, packing)
        return self._graphed(x, condition, time, packing.longest, *packing.index)

    def _indexed(
        self, x: Tensor, condition: Tensor, time: Tensor, longest: int, *index: Tensor
    ) -> Tensor:
        return self._plain(x, condition, time, IndexedPacking(Index(*index), longest))

    @torch.inference_mode()
    def finish(self, states: Sequence[Flow]) -> list[MelAcoustic]:
        """The mel of each window, without the reference."""
        mels = to_host(*(state.x[state.prompt :].T.contiguous() for state in states))
        return [
            MelAcoustic(
                index=state.segment.index,
                seed=state.segment.seed,
                length=len(state.x) - state.prompt,
                mel=mel,
                gate=state.gate,
            )
            for state, mel in zip(states, mels, strict=True)
        ]

    def warm_up(self) -> None:
        """Capture batches of full windows, where anything is captured."""
        self._graphed.warm_up(self._window, self._rehearse)

    def _rehearse(self, members: int, seed: int) -> None:
        """Two steps of a batch of noise."""
        noise, config = np.random.default_rng(seed), self.estimator.config
        prompt = self._window // (2 + seed)
        segment = ConversionSegment(
            index=0,
            seed=seed,
            length=self._window,
            prompt=noise.standard_normal((prompt, config.bands), np.float32),
            prompt_content=noise.standard_normal((prompt, config.content), np.float32),
            style=noise.standard_normal(config.style, np.float32),
            content=noise.standard_normal((self._window - prompt, config.content), np.float32),
            steps=2,
            guidance=0.7,
        )
        states = self.begin([segment] * members)
        for _ in range(2):
            self.step(states)

    def _begin(self, segment: ConversionSegment) -> Flow:
        frames, (prompt, bands) = segment.length, segment.prompt.shape
        noise = torch.Generator().manual_seed(segment.seed)
        x = torch.zeros(frames, bands)
        x[prompt:] = torch.randn(frames - prompt, bands, generator=noise)
        reference = torch.zeros(frames, bands)
        reference[:prompt] = torch.from_numpy(segment.prompt)
        content = np.concatenate([segment.prompt_content, segment.content])
        with autocast(self._runtime):
            condition = self.estimator.condition(
                self._tensor(reference),
                self._tensor(torch.from_numpy(segment.style)),
                self._tensor(torch.from_numpy(content)),
            )
        return Flow(
            segment=segment,
            steps_left=segment.steps,
            x=self._tensor(x),
            condition=condition,
            prompt=prompt,
            steps=segment.steps,
            guidance=segment.guidance,
            gate=segment.gate,
        )

    def _tensor(self, values: Tensor) -> Tensor:
        return to_device(values, self._runtime.device)


class SeedVCVocoder:
    """BigVGAN. Off a CPU windows of equal length run together: padding would change their ends."""

    def __init__(self, model: BigVGAN, sample_rate: int, runtime: Runtime) -> None:
        self.model = model
        self.sample_rate = sample_rate
        self._device = runtime.device
        place(model, runtime)
        self._graphed = Graphed("BigVGAN", in_types_of(runtime, model), runtime.graphs)

    @classmethod
    def load(cls, files: SeedVCFiles, settings: PipelineSettings) -> SeedVCVocoder:
        """Raises CheckpointError where the vocoder does not fit its configuration."""
        runtime = configure(settings)
        model = load_vocoder(files.vocoder, settings.cache)
        return cls(model, read_config(files.config).sample_rate, runtime)

    @torch.inference_mode()
    def synthesize(self, acoustics: Sequence[MelAcoustic]) -> list[Waveform]:
        waves: dict[int, Floats] = {}
        lengths = [acoustic.length for acoustic in acoustics]
        for members in together(lengths, self._device, self.model.frame_bytes):
            mels = np.stack([acoustics[member].mel for member in members])
            samples = self._graphed(to_device(mels, self._device))
            waves.update(zip(members, to_host(samples)[0], strict=True))
        return [gated(waves[member], acoustics[member].gate) for member in range(len(acoustics))]
