"""WaveNet head of the velocity estimator: gated convolutions driven by the time embedding."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.models.seedvc.config import WaveNetConfig
from pipelines.runtime.device import in_blocks
from pipelines.runtime.lengths import Lengths
from pipelines.runtime.sequence_packing import Packing


class WaveNet(nn.Module):
    """Weight norms are folded, so the layers are plain convolutions."""

    def __init__(self, width: int, config: WaveNetConfig) -> None:
        super().__init__()
        layers, self.width = config.layers, width
        self.dilations = [config.dilation_rate**layer for layer in range(layers)]
        self.reach = config.kernel - 1
        self.in_layers = nn.ModuleList(
            nn.Conv1d(width, 2 * width, config.kernel, dilation=dilation)
            for dilation in self.dilations
        )
        self.res_skip_layers = nn.ModuleList(
            nn.Conv1d(width, width if layer == layers - 1 else 2 * width, 1)
            for layer in range(layers)
        )
        self.cond_layer = nn.Conv1d(width, 2 * width * layers, 1)

    def gates(self, time: Tensor) -> Tensor:
        """`[sequences, width]` to what the layers add, `[sequences, layers * 2 * width]`."""
        conditioned: Tensor = self.cond_layer(time[..., None])
        return conditioned[..., 0]

    def packed(self, frames: Tensor, gates: Tensor, packing: Packing) -> Tensor:
        """`[frames, width]` to the sum of the layers' skip outputs, same shape."""
        if packing.even or in_blocks(frames):
            return packing.by_run(self, [frames], [gates])
        padded = self(packing.padded(frames), gates, packing.members)
        return packing.packed(padded)

    def forward(self, frames: Tensor, gates: Tensor, lengths: Lengths | None = None) -> Tensor:
        """The same of `[sequences, frames, width]`, each reflected at its own end where there are
        `lengths`; beyond those the result is undefined."""
        x = frames.transpose(1, 2)
        total = torch.zeros_like(x)
        last = len(self.dilations) - 1
        for layer, gate in enumerate(gates[..., None].chunk(last + 1, dim=1)):
            pad = self.reach * self.dilations[layer] // 2
            z = self.in_layers[layer](_reflected(x, pad, lengths)) + gate
            filtered, opened = z.chunk(2, dim=1)
            out = self.res_skip_layers[layer](torch.tanh(filtered) * torch.sigmoid(opened))
            if layer < last:
                residual, out = out.chunk(2, dim=1)
                x = x + residual
            total = total + out
        return total.transpose(1, 2)


def _reflected(x: Tensor, pad: int, lengths: Lengths | None) -> Tensor:
    """`[sequences, width, frames]` with `pad` frames more at both ends."""
    if lengths is None:
        return F.pad(x, (pad, pad), mode="reflect")
    return x.gather(2, lengths.reflected(pad)[:, None].expand(-1, x.shape[1], -1))
