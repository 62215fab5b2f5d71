"""CAM++ speaker encoder (Wang et al., 2023): densely connected time delays with context masks."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.audio.fbank import BANDS, log_filter_bank

CONTEXT_FRAMES = 100


@dataclass(frozen=True, slots=True)
class CampPlusConfig:
    """The published sizes. `blocks` holds (layers, dilation) of each dense block."""

    bands: int = BANDS
    maps: int = 32
    channels: int = 128
    growth: int = 32
    bottleneck: int = 128
    blocks: tuple[tuple[int, int], ...] = ((12, 1), (24, 2), (16, 2))
    embedding: int = 192


class _Residual(nn.Module):
    """Two 3x3 convolutions with a shortcut; `stride` acts on frequency only."""

    def __init__(self, maps: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(maps, maps, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(maps)
        self.conv2 = nn.Conv2d(maps, maps, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(maps)
        self.shortcut = nn.Sequential()
        if stride != 1:
            self.shortcut.append(nn.Conv2d(maps, maps, 1, stride=(stride, 1), bias=False))
            self.shortcut.append(nn.BatchNorm2d(maps))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class _Head(nn.Module):
    """`[batch, bands, frames]` to `[batch, maps * bands / 8, frames]`."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, maps, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(maps)
        self.layer1 = nn.Sequential(_Residual(maps, 2), _Residual(maps, 1))
        self.layer2 = nn.Sequential(_Residual(maps, 2), _Residual(maps, 1))
        self.conv2 = nn.Conv2d(maps, maps, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(maps)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x[:, None])))
        y = self.layer2(self.layer1(y))
        return F.relu(self.bn2(self.conv2(y))).flatten(1, 2)


class _Norm(nn.Module):
    """Batch normalisation and ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.batchnorm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.batchnorm(x))


class _ContextMask(nn.Module):
    """A dilated convolution scaled by what its wider context lets through."""

    def __init__(self, channels: int, out: int, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(
            channels, out, 3, padding=dilation, dilation=dilation, bias=False
        )
        self.linear1 = nn.Conv1d(channels, channels // 2, 1)
        self.linear2 = nn.Conv1d(channels // 2, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        frames = x.shape[-1]
        segments = F.avg_pool1d(x, CONTEXT_FRAMES, ceil_mode=True)
        context = x.mean(-1, keepdim=True) + segments
        mask = torch.sigmoid(self.linear2(F.relu(self.linear1(context))))
        local: Tensor = self.linear_local(x)
        return local * mask.repeat_interleave(CONTEXT_FRAMES, dim=-1)[..., :frames]


class _DenseLayer(nn.Module):
    def __init__(self, channels: int, config: CampPlusConfig, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _Norm(channels)
        self.linear1 = nn.Conv1d(channels, config.bottleneck, 1, bias=False)
        self.nonlinear2 = _Norm(config.bottleneck)
        self.cam_layer = _ContextMask(config.bottleneck, config.growth, dilation)

    def forward(self, x: Tensor) -> Tensor:
        new = self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(x))))
        return torch.cat([x, new], dim=1)


class _Transit(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.nonlinear = _Norm(channels)
        self.linear = nn.Conv1d(channels, channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        halved: Tensor = self.linear(self.nonlinear(x))
        return halved


class _TimeDelay(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(channels, out, 5, stride=2, padding=2, bias=False)
        self.nonlinear = _Norm(out)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.nonlinear(self.linear(x))
        return y


class _Statistics(nn.Module):
    """Mean and unbiased standard deviation over time: `[batch, 2 * channels, 1]`."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.mean(-1), x.std(-1)], dim=1)[..., None]


class _Dense(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(channels, out, 1, bias=False)
        self.nonlinear = nn.Sequential(OrderedDict(batchnorm=nn.BatchNorm1d(out, affine=False)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.nonlinear(self.linear(x))
        return y[..., 0]


class CampPlus(nn.Module):
    """Filter bank frames to a speaker embedding (not normalised to unit length)."""

    def __init__(self, config: CampPlusConfig | None = None) -> None:
        super().__init__()
        config = config or CampPlusConfig()
        channels = config.channels
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["tdnn"] = _TimeDelay(config.maps * config.bands // 8, channels)
        for number, (depth, dilation) in enumerate(config.blocks, start=1):
            block = OrderedDict[str, nn.Module]()
            for layer in range(1, depth + 1):
                block[f"tdnnd{layer}"] = _DenseLayer(channels, config, dilation)
                channels += config.growth
            layers[f"block{number}"] = nn.Sequential(block)
            layers[f"transit{number}"] = _Transit(channels)
            channels //= 2
        layers["out_nonlinear"] = _Norm(channels)
        layers["stats"] = _Statistics()
        layers["dense"] = _Dense(2 * channels, config.embedding)
        self.head = _Head(config.maps)
        self.xvector = nn.Sequential(layers)

    def forward(self, frames: Tensor) -> Tensor:
        """`[batch, frames, bands]`, mean over time removed, to `[batch, embedding]`."""
        embedding: Tensor = self.xvector(self.head(frames.transpose(1, 2)))
        return embedding


def speaker_embedding(encoder: CampPlus, wave: Tensor) -> Tensor:
    """The embedding `[embedding]` of a wave `[samples]` at 16 kHz."""
    frames = log_filter_bank(wave)
    embeddings: Tensor = encoder((frames - frames.mean(dim=0))[None])
    return embeddings[0]
