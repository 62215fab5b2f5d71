"""The model stages of text to speech with Kokoro: no diffusion steps, one decoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.checkpoints import fill, load
from pipelines.lengths import Lengths
from pipelines.protocol import Acoustic, State, Waveform
from pipelines.settings import PipelineSettings
from pipelines.styletts2.acoustic import AcousticModel
from pipelines.styletts2.config import ModelConfig
from pipelines.styletts2.decoder import Decoder
from pipelines.styletts2.segments import SpeechAcoustic, SpeechSegment, SpeechState, padded
from pipelines.torch_runtime import configure


class KokoroDiffusion:
    """Styles come from a voice pack, so there is nothing to denoise: the work is in `finish`."""

    def __init__(self, checkpoint: str, config: ModelConfig, settings: PipelineSettings) -> None:
        self._config = config
        self._device = configure(settings).device
        model = AcousticModel(config)
        prefixes = [f"{name}." for name, _ in model.named_children()]
        fill(model, load(checkpoint, prefixes, settings))
        self._model = model.eval().to(self._device)

    def begin(self, segments: Sequence[SpeechSegment]) -> list[State]:
        return [SpeechState(segment, steps_left=0) for segment in segments]

    def step(self, states: Sequence[SpeechState]) -> None:
        raise AssertionError(f"{len(states)} states were stepped that have no steps left")

    @torch.inference_mode()
    def finish(self, states: Sequence[SpeechState]) -> list[Acoustic]:
        """Durations, F0, energy and aligned text features of a batch."""
        segments = [state.segment for state in states]
        half = self._config.style
        batch = self._model(
            _tensor(padded([segment.tokens for segment in segments]), self._device),
            _tensor(np.stack([segment.style[half:] for segment in segments]), self._device),
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


class KokoroVocoder:
    """The decoder: acoustic features to waveforms."""

    def __init__(self, checkpoint: str, config: ModelConfig, settings: PipelineSettings) -> None:
        self.sample_rate = config.sample_rate
        runtime = configure(settings)
        model = Decoder(config)
        prefix = "decoder."
        tensors = load(checkpoint, [prefix], settings)
        fill(model, {name.removeprefix(prefix): tensor for name, tensor in tensors.items()})
        self._model = model.eval().compute_in(runtime.dtype).to(runtime.device)
        self._device = runtime.device

    @torch.inference_mode()
    def synthesize(self, acoustics: Sequence[SpeechAcoustic], noise: bool = True) -> list[Waveform]:
        """One waveform per member. Without `noise` the result depends on no seed."""
        device = self._device
        waves = self._model(
            _tensor(padded([acoustic.asr for acoustic in acoustics]), device),
            _tensor(padded([acoustic.f0 for acoustic in acoustics]), device),
            _tensor(padded([acoustic.energy for acoustic in acoustics]), device),
            _tensor(np.stack([acoustic.style for acoustic in acoustics]), device),
            Lengths.of([acoustic.length for acoustic in acoustics], device),
            [acoustic.seed for acoustic in acoustics] if noise else None,
        )
        return [wave.clamp(-1, 1).cpu().numpy() for wave in waves]


def _tensor(array: NDArray[np.generic], device: torch.device) -> Tensor:
    return torch.from_numpy(array).to(device)
