"""The third stage of text to speech: acoustic features to waveforms. Needs no transformers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pipelines.audio.edges import kept, with_pauses
from pipelines.audio.gating import gated
from pipelines.audio.stretching import cycles_of, stretched
from pipelines.models.styletts2.checkpoint import Checkpoint
from pipelines.models.styletts2.decoder import Decoder
from pipelines.models.styletts2.segments import SpeechAcoustic
from pipelines.networks.vocoders.source import source_noise
from pipelines.protocol import Waveform
from pipelines.runtime.device import configure
from pipelines.runtime.lengths import Lengths, padded
from pipelines.runtime.precision import place
from pipelines.runtime.transfer import to_host
from pipelines.settings import PipelineSettings


class StyleTTS2Vocoder:
    """The decoder: acoustic features to waveforms."""

    def __init__(self, checkpoint: Checkpoint, settings: PipelineSettings) -> None:
        """Raises WeightsMissing, CheckpointError."""
        self.sample_rate = checkpoint.config.sample_rate
        runtime = configure(settings)
        self.model = Decoder(checkpoint.config)
        checkpoint.fill(self.model, "decoder.")
        place(self.model, runtime)
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
            self.draw(acoustics) if noise else None,
        )
        samples = to_host(
            *(
                (acoustic.gain * wave[: len(wave) - acoustic.cut]).clamp(-1, 1)
                for wave, acoustic in zip(waves, acoustics, strict=True)
            )
        )
        return [
            self._finished(gated(wave, acoustic.gate), acoustic)
            for wave, acoustic in zip(samples, acoustics, strict=True)
        ]

    def _finished(self, samples: Waveform, acoustic: SpeechAcoustic) -> Waveform:
        """The samples at their speed, with the silence that is due around them."""
        step = self.model.samples_per_frame // 2
        span = kept(acoustic.edges, acoustic.energy, step, self.sample_rate)
        if acoustic.stretch == 1:
            samples = samples[span]
        else:
            cycles = cycles_of(acoustic.f0, step, self.sample_rate)
            samples = stretched(samples[span], acoustic.stretch, self.sample_rate, cycles[span])
        return with_pauses(samples, acoustic.edges, self.sample_rate)

    def draw(self, acoustics: Sequence[SpeechAcoustic]) -> Tensor:
        """The harmonic source's, each member's from its own seed."""
        samples = [acoustic.length * self.model.samples_per_frame for acoustic in acoustics]
        return source_noise([acoustic.seed for acoustic in acoustics], samples, self._device)
