"""The melody: FCPE, a convolutional pitch tracker (Luo et al., 2025) over a log-mel.

The weights are those that its authors publish (`fcpe_c_v001`), the layers are written anew.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.audio.mel import MelConfig, log_mel
from pipelines.weights.state_dicts import StateDict, fold_weight_norm

SAMPLE_RATE = 16_000
HOP = 160
FCPE_MEL = MelConfig(
    filter_rate=SAMPLE_RATE, fft=1024, hop=HOP, bands=128, window=1024, epsilon=1e-9
)
WIDTH, CLASSES, LAYERS, KERNEL, GROUPS = 512, 360, 6, 31, 4
LOWEST_HZ, HIGHEST_HZ = 32.70, 1975.5
THRESHOLD = 0.006
"""Least probability of the likeliest pitch of a voiced frame."""
NEIGHBOURS = 4


class _Block(nn.Module):
    """The convolutional half of a Conformer block."""

    def __init__(self) -> None:
        super().__init__()
        inner = 2 * WIDTH
        self.norm = nn.LayerNorm(WIDTH)
        self.gated = nn.Conv1d(WIDTH, 2 * inner, 1)
        self.depthwise = nn.Conv1d(inner, inner, KERNEL, padding=KERNEL // 2, groups=inner)
        self.out = nn.Conv1d(inner, WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.glu(self.gated(self.norm(x).mT), dim=1)
        convolved: Tensor = self.out(F.silu(self.depthwise(y)))
        return x + convolved.mT


class FCPE(nn.Module):
    """Pitch of a recording, 100 times a second."""

    cents: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(FCPE_MEL.bands, WIDTH, 3, padding=1)
        self.first_norm = nn.GroupNorm(GROUPS, WIDTH)
        self.second = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList(_Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.out = nn.Linear(WIDTH, CLASSES)
        low, high = (1200 * torch.log2(torch.tensor(hz / 10)) for hz in (LOWEST_HZ, HIGHEST_HZ))
        cents = torch.linspace(float(low), float(high), CLASSES)
        self.register_buffer("cents", cents, persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        """`[batch, samples]` to F0 in Hz `[batch, samples // 160]`, 0 where nothing is voiced."""
        x = self.first(log_mel(waves, FCPE_MEL))
        x = self.second(F.leaky_relu(self.first_norm(x))).mT
        for block in self.blocks:
            x = block(x)
        likely = torch.sigmoid(self.out(self.norm(x)).float())
        confidence, best = likely.max(dim=-1, keepdim=True)
        # The mean of the cents near the likeliest class, weighed by their probabilities.
        near = best + torch.arange(-NEIGHBOURS, NEIGHBOURS + 1, device=best.device)
        near = near.clamp(0, CLASSES - 1)
        weights = likely.gather(-1, near)
        cents = (self.cents[near] * weights).sum(-1) / weights.sum(-1)
        return torch.where(confidence[..., 0] > THRESHOLD, 10 * 2 ** (cents / 1200), 0.0)


def from_published(tensors: Mapping[str, Tensor]) -> StateDict:
    """The tensors of the published file under the names that they have here."""
    state = fold_weight_norm(tensors)
    renamed: StateDict = {}
    names = {
        "input_stack.0": "first",
        "input_stack.1": "first_norm",
        "input_stack.3": "second",
        "norm": "norm",
        "output_proj": "out",
    }
    for layer in range(LAYERS):
        theirs = f"net.encoder_layers.{layer}.conformer.net"
        parts = {"0": "norm", "2": "gated", "4.conv": "depthwise", "6": "out"}
        names.update({f"{theirs}.{k}": f"blocks.{layer}.{v}" for k, v in parts.items()})
    for source, name in names.items():
        for kind in ("weight", "bias"):
            renamed[f"{name}.{kind}"] = state[f"{source}.{kind}"]
    return renamed
