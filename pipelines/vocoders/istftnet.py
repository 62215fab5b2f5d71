"""The iSTFTNet generator of StyleTTS2: two upsampling stages, then an inverse STFT.

After Kaneko et al. (2022), with the harmonic source and the style of StyleTTS2.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.lengths import Lengths
from pipelines.styletts2.config import IstftnetConfig
from pipelines.vocoders.snake import SnakeResidual
from pipelines.vocoders.source import HarmonicSource, source_noise

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


class IstftnetGenerator(nn.Module):
    """Decoder features and F0 to a waveform. Fields are named as in checkpoints."""

    def __init__(self, config: IstftnetConfig, style: int, sample_rate: int) -> None:
        super().__init__()
        self.config = config
        self.spectra = Spectra(config.n_fft, config.hop)
        self.m_source = HarmonicSource(sample_rate, config.samples_per_frame)
        self.ups = nn.ModuleList()
        self.noise_convs = nn.ModuleList()
        self.noise_res = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        kernels, dilations = config.resblock_kernels, config.resblock_dilations
        channels = config.initial_channels
        for stage, (rate, kernel) in enumerate(
            zip(config.upsample_rates, config.upsample_kernels, strict=True)
        ):
            self.ups.append(
                nn.ConvTranspose1d(
                    channels, channels // 2, kernel, stride=rate, padding=(kernel - rate) // 2
                )
            )
            channels //= 2
            later = prod(config.upsample_rates[stage + 1 :])
            self.noise_convs.append(_noise_conv(config.n_fft + 2, channels, later))
            noise_kernel = kernels[1] if later > 1 else kernels[-1]
            self.noise_res.append(SnakeResidual(channels, noise_kernel, dilations, style))
            self.resblocks.extend(
                SnakeResidual(channels, kernel, dilations, style) for kernel in kernels
            )
        self.conv_post = nn.Conv1d(channels, config.n_fft + 2, 7, padding=3)

    def forward(
        self, x: Tensor, style: Tensor, f0: Tensor, lengths: Lengths, seeds: Sequence[int] | None
    ) -> list[Tensor]:
        """`x` `[batch, channels, F0 frames]`, F0 `[batch, F0 frames]` in Hz to waveforms.

        `lengths` counts F0 frames. `seeds` fix the source's noise; None leaves the noise out.
        """
        source, source_lengths = self.source(f0, lengths, seeds)
        last = len(self.ups) - 1
        for stage, up in enumerate(self.ups):
            rate = self.config.upsample_rates[stage]
            x = up(lengths.clear(F.leaky_relu(x, STAGE_SLOPE)))
            lengths = lengths.map(rate.__mul__)
            if stage == last:
                x = F.pad(x, (1, 0), mode="reflect")
                lengths = source_lengths
            injected = self.noise_convs[stage](source.to(x.dtype))
            x = x + self.noise_res[stage](injected, style, lengths)
            width = len(self.config.resblock_kernels)
            blocks = self.resblocks[stage * width : (stage + 1) * width]
            x = sum(block(x, style, lengths) for block in blocks) / width
        spectrum = self.conv_post(lengths.clear(F.leaky_relu(x.float(), LAST_SLOPE)))
        magnitude, phase = spectrum.chunk(2, dim=1)
        magnitude, phase = magnitude.exp(), phase.sin()
        return [
            self.spectra.synthesise(magnitude[i, :, :frames], phase[i, :, :frames])
            for i, frames in enumerate(lengths.values)
        ]

    def source(
        self, f0: Tensor, lengths: Lengths, seeds: Sequence[int] | None
    ) -> tuple[Tensor, Lengths]:
        """Spectra of the harmonic source, `[batch, n_fft + 2, frames]`, zeros beyond each end."""
        samples = lengths.map(lambda frames: frames * self.config.samples_per_frame)
        noise = None if seeds is None else source_noise(seeds, samples.values, f0.device)
        waves = self.m_source(f0, noise)
        frames = samples.map(lambda count: count // self.config.hop + 1)
        spectra = waves.new_zeros(len(waves), self.config.n_fft + 2, frames.longest)
        for row, wave, count, width in zip(
            spectra, waves, samples.values, frames.values, strict=True
        ):
            row[:, :width] = self.spectra.analyse(wave[:count])
        return spectra, frames


def _noise_conv(bins: int, channels: int, rate: int) -> nn.Conv1d:
    """Brings the source's spectra to a stage that later stages still upsample by `rate`."""
    if rate == 1:
        return nn.Conv1d(bins, channels, 1)
    return nn.Conv1d(bins, channels, 2 * rate, stride=rate, padding=(rate + 1) // 2)
