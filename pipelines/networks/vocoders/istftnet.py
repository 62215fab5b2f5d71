"""The iSTFTNet generator of StyleTTS2: two upsampling stages, then an inverse STFT.

After Kaneko et al. (2022), with the harmonic source and the style of StyleTTS2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.networks.vocoders.generator_config import IstftnetConfig
from pipelines.networks.vocoders.source_filter import SourceFilterGenerator
from pipelines.runtime.lengths import Lengths

STAGE_SLOPE = 0.1
LAST_SLOPE = 0.01


class Spectra:
    """STFT and its inverse with a periodic Hann window, centred, reflecting at both ends."""

    def __init__(self, n_fft: int, hop: int) -> None:
        self.n_fft = n_fft
        self.hop = hop
        # Rounded from float64: phases jump by 2π on the last bit of a tap.
        self.window = torch.hann_window(n_fft, dtype=torch.float64).float()

    def analyse(self, wave: Tensor) -> Tensor:
        """`[samples]` to magnitudes and phases, `[n_fft + 2, 1 + samples / hop]`."""
        spectrum = torch.stft(
            wave, self.n_fft, self.hop, window=self.window.to(wave.device), return_complex=True
        )
        # The first and last bins of a real signal are real: a phase of 0 or +π, never −π.
        spectrum.imag[[0, -1]] = 0.0
        return torch.cat([spectrum.abs(), spectrum.angle()])

    def synthesise(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        """`[n_fft / 2 + 1, frames]` twice to `[hop · (frames − 1)]` samples."""
        return torch.istft(
            torch.polar(magnitude, phase),
            self.n_fft,
            self.hop,
            window=self.window.to(magnitude.device),
        )


class IstftnetGenerator(SourceFilterGenerator):
    """Decoder features and F0 to a waveform. Fields are named as in checkpoints."""

    def __init__(self, config: IstftnetConfig, style: int, sample_rate: int) -> None:
        bins = config.n_fft + 2
        super().__init__(config, style, sample_rate, bins=bins, outputs=bins)
        self.config = config
        self.spectra = Spectra(config.n_fft, config.hop)

    @staticmethod
    def upsampling(channels_in: int, channels: int, rate: int, kernel: int) -> nn.ConvTranspose1d:
        padding = (kernel - rate) // 2
        return nn.ConvTranspose1d(channels_in, channels, kernel, stride=rate, padding=padding)

    def rise(self, stage: int, x: Tensor, lengths: Lengths) -> tuple[Tensor, Lengths]:
        x = self.raised(stage, lengths.clear(F.leaky_relu(x, STAGE_SLOPE)))
        lengths = lengths.map(self.config.upsample_rates[stage].__mul__)
        if stage < self.stages - 1:
            return x, lengths
        # As many steps as the source's spectra have: one more than hops.
        steps = torch.cat([x.mT[:, 1:2], x.mT], dim=1)
        return steps.mT, lengths.map(lambda steps: steps + 1)

    def forward(
        self, x: Tensor, style: Tensor, f0: Tensor, lengths: Lengths, noise: Tensor | None
    ) -> list[Tensor]:
        """`x` `[batch, channels, F0 frames]`, F0 `[batch, F0 frames]` in Hz to waveforms.

        `lengths` counts F0 frames; `noise` is the source's, see `HarmonicSource`.
        """
        x, frames = self.filtered(x, style, self.source(f0, lengths, noise), lengths)
        spectra: Tensor = self.conv_post(frames.clear(F.leaky_relu(x.float(), LAST_SLOPE)))
        magnitude, phase = self.polar(spectra)
        return [
            self.spectra.synthesise(magnitude[i, :, :count], phase[i, :, :count])
            for i, count in enumerate(frames.values)
        ]

    def source(self, f0: Tensor, lengths: Lengths, noise: Tensor | None) -> Tensor:
        """Spectra of the harmonic source, `[batch, n_fft + 2, frames]`, zeros beyond each end."""
        waves: Tensor = self.m_source(f0, noise)
        samples = lengths.map(self.config.samples_per_frame.__mul__)
        frames = samples.map(lambda count: count // self.config.hop + 1)
        spectra = waves.new_zeros(len(waves), self.config.n_fft + 2, frames.longest)
        for row, wave, count, width in zip(
            spectra, waves, samples.values, frames.values, strict=True
        ):
            row[:, :width] = self.spectra.analyse(wave[:count])
        return spectra

    @staticmethod
    def polar(x: Tensor) -> tuple[Tensor, Tensor]:
        """Magnitude and phase from what the last convolution gives."""
        magnitude, phase = x.chunk(2, dim=1)
        return magnitude.exp(), phase.sin()
