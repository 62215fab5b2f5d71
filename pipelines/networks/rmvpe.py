"""RMVPE pitch tracker (Wei et al., 2023): a U-Net over a log-mel, then a recurrent classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.audio.mel import MelConfig, log_mel

SAMPLE_RATE = 16000
RMVPE_MEL = MelConfig(
    filter_rate=SAMPLE_RATE,
    fft=1024,
    hop=160,
    bands=128,
    window=1024,
    low=30.0,
    high=8000.0,
    scale="htk",
    centred=True,
)
THRESHOLD = 0.03
CENTS_PER_CLASS = 20.0
LOWEST_CENTS = 1997.3794084376191
NEIGHBOURS = 4
FRAMES_MULTIPLE = 32


@dataclass(frozen=True, slots=True)
class RMVPEConfig:
    """The published sizes are the defaults."""

    channels: int = 16
    levels: int = 5
    blocks: int = 4
    bottleneck: int = 4
    hidden: int = 256
    classes: int = 360
    maps: int = 3

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> RMVPEConfig:
        """The sizes of a checkpoint."""

        def count(prefix: str) -> int:
            rest = (name.removeprefix(prefix) for name in tensors if name.startswith(prefix))
            return 1 + max(int(name.split(".")[0]) for name in rest)

        return cls(
            channels=tensors["unet.encoder.layers.0.conv.0.conv.0.weight"].shape[0],
            levels=count("unet.encoder.layers."),
            blocks=count("unet.encoder.layers.0.conv."),
            bottleneck=count("unet.intermediate.layers."),
            hidden=tensors["fc.0.gru.weight_hh_l0"].shape[1],
            classes=tensors["fc.1.bias"].shape[0],
            maps=tensors["cnn.bias"].shape[0],
        )


class _Residual(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(channels, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
        )
        self.shortcut = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x) + self.shortcut(x)
        return y


def _residuals(channels: int, out: int, count: int) -> nn.Sequential:
    rest = (_Residual(out, out) for _ in range(count - 1))
    return nn.Sequential(_Residual(channels, out), *rest)


class _Stage(nn.Module):
    """Residual blocks under the name the checkpoint gives them."""

    def __init__(self, channels: int, out: int, count: int) -> None:
        super().__init__()
        self.conv = _residuals(channels, out, count)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return y


class _Encoder(nn.Module):
    def __init__(self, config: RMVPEConfig) -> None:
        super().__init__()
        widths = [1, *(config.channels << level for level in range(config.levels))]
        self.bn = nn.BatchNorm2d(1)
        self.layers = nn.ModuleList(_Stage(a, b, config.blocks) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = self.bn(x)
        skips = []
        for layer in self.layers:
            skips.append(layer(x))
            x = F.avg_pool2d(skips[-1], 2)
        return x, skips


class _Bottleneck(nn.Module):
    def __init__(self, config: RMVPEConfig) -> None:
        super().__init__()
        width = config.channels << config.levels
        first = _Stage(width // 2, width, config.blocks)
        rest = (_Stage(width, width, config.blocks) for _ in range(config.bottleneck - 1))
        self.layers = nn.Sequential(first, *rest)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class _Upsampling(nn.Module):
    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        out = channels // 2
        self.conv1 = nn.Sequential(
            nn.ConvTranspose2d(channels, out, 3, stride=2, padding=1, output_padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
        )
        self.conv2 = _residuals(channels, out, blocks)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        y: Tensor = self.conv2(torch.cat([self.conv1(x), skip], dim=1))
        return y


class _Decoder(nn.Module):
    def __init__(self, config: RMVPEConfig) -> None:
        super().__init__()
        widths = (config.channels << level for level in range(config.levels, 0, -1))
        self.layers = nn.ModuleList(_Upsampling(width, config.blocks) for width in widths)

    def forward(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        for layer, skip in zip(self.layers, reversed(skips), strict=True):
            x = layer(x, skip)
        return x


class _UNet(nn.Module):
    def __init__(self, config: RMVPEConfig) -> None:
        super().__init__()
        self.encoder = _Encoder(config)
        self.intermediate = _Bottleneck(config)
        self.decoder = _Decoder(config)

    def forward(self, x: Tensor) -> Tensor:
        x, skips = self.encoder(x)
        y: Tensor = self.decoder(self.intermediate(x), skips)
        return y


class _Recurrent(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(width, hidden, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.gru(x)[0]
        return y


class RMVPE(nn.Module):
    """Log-mel to the salience of each pitch class."""

    def __init__(self, config: RMVPEConfig) -> None:
        super().__init__()
        self.unet = _UNet(config)
        self.cnn = nn.Conv2d(config.channels, config.maps, 3, padding=1)
        self.fc = nn.Sequential(
            _Recurrent(config.maps * RMVPE_MEL.bands, config.hidden),
            nn.Linear(2 * config.hidden, config.classes),
            nn.Sigmoid(),
        )

    def forward(self, mel: Tensor) -> Tensor:
        """`[batch, bands, frames]` to saliences in (0, 1), `[batch, frames, classes]`."""
        frames = mel.shape[-1]
        padded = F.pad(mel, (0, -frames % FRAMES_MULTIPLE))
        maps = self.cnn(self.unet(padded.transpose(1, 2)[:, None]))
        salience: Tensor = self.fc(maps.transpose(1, 2).flatten(2))
        return salience[:, :frames]


def decode(salience: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """Saliences `[frames, classes]` to Hz `[frames]`, float64; 0 where none exceeds `threshold`.

    The cents are averaged over nine classes round the strongest.
    """
    peak, centre = salience.max(dim=1)
    offsets = torch.arange(-NEIGHBOURS, NEIGHBOURS + 1, device=salience.device)
    around = centre[:, None] + offsets
    weights = F.pad(salience, (NEIGHBOURS, NEIGHBOURS)).gather(1, around + NEIGHBOURS)
    cents = CENTS_PER_CLASS * around.double() + LOWEST_CENTS
    mean = (weights * cents).sum(1) / weights.sum(1)
    return torch.where(peak > threshold, 10.0 * 2.0 ** (mean / 1200.0), 0.0)


def track_pitch(model: RMVPE, wave: Tensor) -> Tensor:
    """Hz at 100 frames per second, `[1 + samples // 160]` float64, of a wave at 16 kHz.

    On the CPU: GPUs of consumers have hardly any float64, and a contour is small.
    """
    return decode(model(log_mel(wave[None], RMVPE_MEL))[0].cpu())
