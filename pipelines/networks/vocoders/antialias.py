"""The anti-aliased periodic activation of BigVGAN.

A nonlinearity creates frequencies above those of its input. Here it runs at twice the rate and
what lies above the original band is filtered away: upsample by 2, activate, downsample by 2, each
with a low-pass filter f of 12 taps. At the rate of the input this is, with e and o the even and odd
samples at the double rate,

    e[t] = 2 Σ_j f[11-2j] x[t-3+j]        o[t] = 2 Σ_j f[10-2j] x[t-2+j]        j = 0..5
    y[t] = Σ_j f[2j+1] a(e[t-2+j]) + Σ_j f[2j] a(o[t-3+j])

so nothing is computed for the zeros of an upsampled signal and nothing at the double rate is stored
interleaved. x is continued beyond its ends by its end values, and so is the activated signal.
Filter and activation: Lee et al., "BigVGAN", 2023, after Karras et al., "Alias-Free GAN", 2021.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.fast_convolution.activations import FilteredSnake
from pipelines.runtime.device import in_blocks
from pipelines.runtime.precision import without_autocast
from pipelines.runtime.time_convolution import channels_last

Filters = tuple[Tensor, ...]

TAPS = 12
HALO = 3
"""Samples of context that each filter needs on both sides, at the rate of the input."""

TILE = 1 << 18
"""Elements that are taken through the whole activation at once on a CPU: a few buffers of this size
stay in the cache, and the operations are long enough to outweigh their dispatch."""
LEAST_WIDTH = 64


def low_pass() -> Tensor:
    """Kaiser-windowed sinc, cutoff a quarter of the sample rate, sum 1: `[12]`.

    The window is that of a transition half as wide as 0.6 of the sample rate: attenuation
    2.285 (12/2 - 1) π 4·0.3 + 7.95 dB.
    """
    attenuation = 2.285 * (TAPS // 2 - 1) * math.pi * 4 * 0.3 + 7.95
    window = torch.kaiser_window(TAPS, periodic=False, beta=0.1102 * (attenuation - 8.7))
    taps = window * torch.sinc(0.5 * (torch.arange(TAPS) - (TAPS - 1) / 2))
    return taps / taps.sum()


class Snake(nn.Module):
    """Parameters of x + sin²(αx)/β per channel; plain snake has one parameter, β = α.

    Ziyin, Hartwig and Ueda, "Neural Networks Fail to Learn Periodic Functions", 2020.
    """

    def __init__(self, channels: int, with_beta: bool, log_scale: bool) -> None:
        super().__init__()
        initial = torch.zeros if log_scale else torch.ones
        self.alpha = nn.Parameter(initial(channels))
        self.beta = nn.Parameter(initial(channels)) if with_beta else None
        self._log_scale = log_scale

    def coefficients(self) -> tuple[Tensor, Tensor]:
        """α and 1/β, each `[channels, 1]`."""
        alpha: Tensor = self.alpha[:, None]
        beta: Tensor = alpha if self.beta is None else self.beta[:, None]
        if self._log_scale:
            alpha, beta = alpha.exp(), beta.exp()
        return alpha, 1 / (beta + 1e-9)


class _LowPass(nn.Module):
    """Holds the taps where the checkpoints have them."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", low_pass().view(1, 1, TAPS))


class _Downsample(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lowpass = _LowPass()


class AntiAliasedSnake(nn.Module):
    """Snake at twice the rate. Computes in float32 and returns the type of its input."""

    def __init__(self, channels: int, with_beta: bool, log_scale: bool) -> None:
        super().__init__()
        self.act = Snake(channels, with_beta, log_scale)
        self.upsample = _LowPass()
        self.downsample = _Downsample()

        self._filters: dict[tuple[torch.device, bool], Filters] = {}

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, channels, time]` to the same."""
        alpha, scale = self.act.coefficients()
        tiled = in_blocks(x)
        run = _in_tiles if tiled else _as_convolutions
        with without_autocast(x.device):
            return run(x, alpha, scale, *self._taps(x.device, tiled))

    def _taps(self, device: torch.device, tiled: bool) -> Filters:
        """The filters before and after as `_in_tiles` or `_as_convolutions` takes them, made once
        for each device: they are those of the checkpoint, and nothing trains them here."""
        key = device, tiled
        if key not in self._filters:
            with torch.inference_mode(False):
                up = self.upsample.filter.detach().clone().float().flatten()
                down = self.downsample.lowpass.filter.detach().clone().float().flatten()
                make = _phases if tiled else _grouped
                self._filters[key] = make(up, down, len(self.act.alpha))
        return self._filters[key]

    def compiled(self) -> FilteredSnake:
        """The same for a convolution with fewer products."""
        alpha, slope = self.act.coefficients()
        up, down = self.upsample.filter.flatten(), self.downsample.lowpass.filter.flatten()
        rising = 2 * torch.stack([up[1::2].flip(0), up[::2].flip(0)])
        falling = torch.stack([down[1::2], down[::2]])
        return FilteredSnake(alpha[:, 0], slope[:, 0], rising, falling)


def _phases(up: Tensor, down: Tensor, channels: int) -> Filters:
    """Each phase of the filters of 12 taps, `[2, channels, 1, 1, 6]`."""
    rising = torch.stack([2 * taps for taps in (up[1::2].flip(0), up[::2].flip(0))])
    falling = torch.stack([down[1::2], down[::2]])
    return tuple(
        each[:, None, None, None].repeat(1, channels, 1, 1, 1) for each in (rising, falling)
    )


def _in_tiles(x: Tensor, alpha: Tensor, scale: Tensor, rising: Tensor, falling: Tensor) -> Tensor:
    """Tile by tile in the cache, channels last, each phase of a filter as one convolution."""
    batch, channels, time = x.shape
    result = torch.empty_like(x.mT, memory_format=torch.contiguous_format).mT
    width = max(LEAST_WIDTH, TILE // (batch * channels))
    for start in range(0, time, width):
        stop = min(start + width, time)
        window = _window(x, start, stop)
        even, odd = _filtered(window[..., :-1], rising[0]), _filtered(window[..., 1:], rising[1])
        for phase in (even, odd):
            phase.addcmul_((phase * alpha).sin_().square_(), scale)
        if start == 0:
            for phase in (even, odd):
                phase[..., :HALO] = even[..., HALO, None]
        beyond = stop + HALO - time
        if beyond > 0:
            for phase in (even, odd):
                phase[..., -beyond:] = odd[..., -beyond - 1, None]
        tile = _filtered(even[..., 1:], falling[0])
        result[..., start:stop] = tile.add_(_filtered(odd[..., :-1], falling[1]))
    return result


def _window(x: Tensor, start: int, stop: int) -> Tensor:
    """Steps from `start` - 6 to `stop` + 6, continued by the end values; float32, channels last."""
    time = x.shape[2]
    first, last = start - 2 * HALO, stop + 2 * HALO
    steps = x.mT[:, max(first, 0) : last].float()
    before, after = max(-first, 0), max(last - time, 0)
    if before or after:
        ends = steps[:, :1].expand(-1, before, -1), steps[:, -1:].expand(-1, after, -1)
        steps = torch.cat([ends[0], steps, ends[1]], dim=1)
    return channels_last(steps.mT)


def _filtered(x: Tensor, taps: Tensor) -> Tensor:
    """`[batch, channels, time]` to `[batch, channels, time - 5]`, channels last."""
    return F.conv2d(channels_last(x)[:, :, None], taps, groups=len(taps))[:, :, 0]


def _grouped(up: Tensor, down: Tensor, channels: int) -> Filters:
    """Filters of 7 taps between a signal and its two phases, `[2 · channels, 1, 7]` and
    `[channels, 2, 7]`."""
    up_taps = F.pad(2 * up.flip(0).view(6, 2).t(), (0, 1))
    up_taps = torch.stack([up_taps[0], up_taps[1].roll(1)])
    down_taps = torch.stack([F.pad(down[1::2], (1, 0)), F.pad(down[::2], (0, 1))])
    return up_taps[:, None].repeat(channels, 1, 1), down_taps.repeat(channels, 1, 1)


def _as_convolutions(
    x: Tensor, alpha: Tensor, scale: Tensor, rising: Tensor, falling: Tensor
) -> Tensor:
    """Each filter as one grouped convolution of 7 taps between the signal and its two phases."""
    batch, channels, time = x.shape
    padded = F.pad(x.float(), (HALO, HALO), mode="replicate")
    phases = F.conv1d(padded, rising, groups=channels)
    phases = phases.view(batch, channels, 2, time)
    phases = phases + (phases * alpha[:, None]).sin().square() * scale[:, None]
    first = phases[:, :, :1, :1].expand(-1, -1, 2, HALO)
    last = phases[:, :, 1:, -1:].expand(-1, -1, 2, HALO)
    phases = torch.cat([first, phases, last], dim=-1).view(batch, 2 * channels, -1)
    return F.conv1d(phases, falling, groups=channels).to(x.dtype)
