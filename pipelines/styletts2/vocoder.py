"""The third stage of text to speech: acoustic features to waveforms. Needs no transformers."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pipelines.checkpoints import fill, load
from pipelines.lengths import Lengths, padded
from pipelines.protocol import Waveform
from pipelines.settings import PipelineSettings
from pipelines.styletts2.config import ModelConfig
from pipelines.styletts2.decoder import Decoder
from pipelines.styletts2.segments import SpeechAcoustic
from pipelines.torch_runtime import configure


class KokoroVocoder:
    """The decoder: acoustic features to waveforms."""

    def __init__(self, checkpoint: str, config: ModelConfig, settings: PipelineSettings) -> None:
        self.sample_rate = config.sample_rate
        runtime = configure(settings)
        model = Decoder(config)
        prefix = "decoder."
        tensors = load(checkpoint, [prefix], settings)
        fill(model, {name.removeprefix(prefix): tensor for name, tensor in tensors.items()})
        self.model = model.eval().compute_in(runtime.dtype).to(runtime.device)
        self._device = runtime.device

    @torch.inference_mode()
    def synthesize(self, acoustics: Sequence[SpeechAcoustic], noise: bool = True) -> list[Waveform]:
        """One waveform per member. Without `noise` the result depends on no seed."""
        device = self._device
        waves = self.model(
            padded([acoustic.asr for acoustic in acoustics], device),
            padded([acoustic.f0 for acoustic in acoustics], device),
            padded([acoustic.energy for acoustic in acoustics], device),
            padded([acoustic.style for acoustic in acoustics], device),
            Lengths.of([acoustic.length for acoustic in acoustics], device),
            [acoustic.seed for acoustic in acoustics] if noise else None,
        )
        return [wave.clamp(-1, 1).cpu().numpy() for wave in waves]
