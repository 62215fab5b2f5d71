"""The iSTFTNet generator of StyleTTS2: two upsampling stages, then an inverse STFT.

After Kaneko et al. (2022), with the harmonic source and the style of StyleTTS2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.networks.vocoders.generator_config import IstftnetConfig
from pipelines.networks.vocoders.source_filter import SourceFilterGenerator
from pipelines.runtime.device import in_blocks
from pipelines.runtime.lengths import Lengths
from pipelines.threads import one_thread_each

STAGE_SLOPE = 0.1
LAST_SLOPE = 0.01


class Spectra(nn.Module):
    """STFT and its inverse with a periodic Hann window, centred, reflecting at both ends."""

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.hop = hop
        # Rounded from float64: phases jump by 2π on the last bit of a tap.
        window = torch.hann_window(n_fft, dtype=torch.float64)
        self.window: Tensor
        self.inverse: Tensor
        self.register_buffer("window", window.float(), persistent=False)
        self.register_buffer("inverse", _windowed_inverse(window).float(), persistent=False)

    def analyse(self, waves: Tensor, samples: Lengths) -> Tensor:
        """`[batch, samples]` to magnitudes and phases, `[batch, n_fft + 2, 1 + samples / hop]`.

        Every member is reflected at its own ends; beyond them the result is undefined.
        """
        if samples.padded:
            waves = waves.gather(1, samples.reflected(self.n_fft // 2))
        spectra = torch.stft(
            waves,
            self.n_fft,
            self.hop,
            window=self.window,
            center=not samples.padded,
            return_complex=True,
        )
        # The first and last bins of a real signal are real: a phase of 0 or +π, never −π.
        spectra.imag[:, 0] = 0.0
        spectra.imag[:, -1] = 0.0
        if in_blocks(spectra):
            # What ends a thread's part of a tensor is computed otherwise, to another last bit.
            [phases] = one_thread_each(torch.angle, [spectra])
        else:
            phases = spectra.angle()
        return torch.cat([spectra.abs(), phases], dim=1)

    def synthesise(self, magnitudes: Tensor, phases: Tensor, frames: Lengths) -> list[Tensor]:
        """`[batch, n_fft / 2 + 1, frames]` twice to `[hop · (frames − 1)]` samples each."""
        if in_blocks(magnitudes):
            return [
                torch.istft(
                    torch.polar(magnitude[:, :count], phase[:, :count]),
                    self.n_fft,
                    self.hop,
                    window=self.window,
                )
                for magnitude, phase, count in zip(magnitudes, phases, frames.values, strict=True)
            ]
        waves = self._overlapped(magnitudes, phases, frames)
        return [
            wave[: self.hop * (count - 1)] for wave, count in zip(waves, frames.values, strict=True)
        ]

    def _overlapped(self, magnitudes: Tensor, phases: Tensor, frames: Lengths) -> Tensor:
        """The inverse as a convolution, over the sum of the squared windows that overlap."""
        parts = torch.cat([magnitudes * phases.cos(), magnitudes * phases.sin()], dim=1)
        waves = F.conv_transpose1d(frames.clear(parts), self.inverse, stride=self.hop)
        squared = self.window.square()[None, None]
        real = frames.real[:, None].to(squared.dtype)
        overlap = F.conv_transpose1d(real, squared, stride=self.hop)
        edge = self.n_fft // 2
        return (waves / overlap.clamp(min=1e-11))[:, 0, edge:-edge]


def _windowed_inverse(window: Tensor) -> Tensor:
    """The inverse DFT of real signals, times the window: `[n_fft + 2, 1, n_fft]`, float64.

    Rows are what the real parts of the bins add to a frame, then what the imaginary parts do.
    """
    n_fft = len(window)
    bins, steps = torch.arange(n_fft // 2 + 1), torch.arange(n_fft)
    angles = 2 * torch.pi * (bins[:, None] * steps).double() / n_fft
    # All bins but the first and the last stand for two.
    twice = torch.where((bins == 0) | (bins == n_fft // 2), 1.0, 2.0).double()[:, None]
    rows = torch.cat([twice * angles.cos(), -twice * angles.sin()]) / n_fft
    return (rows * window)[:, None]


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
        return self.spectra.synthesise(*self.polar(spectra), frames)

    def source(self, f0: Tensor, lengths: Lengths, noise: Tensor | None) -> Tensor:
        """Spectra of the harmonic source, `[batch, n_fft + 2, frames]`, zeros beyond each end."""
        waves: Tensor = self.m_source(f0, noise)
        samples = lengths.map(self.config.samples_per_frame.__mul__)
        frames = samples.map(lambda count: count // self.config.hop + 1)
        return frames.clear(self.spectra.analyse(waves, samples))

    @staticmethod
    def polar(x: Tensor) -> tuple[Tensor, Tensor]:
        """Magnitude and phase from what the last convolution gives."""
        magnitude, phase = x.chunk(2, dim=1)
        return magnitude.exp(), phase.sin()
