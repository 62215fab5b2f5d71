"""What is said: the encoder of Whisper base (Radford et al., 2022) over windows of any length.

The original always hears 30 s, mostly padding where the recording is short. Here it hears what
there is: positions and weights are the same, and the head that follows was trained on this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.audio.mel import MelConfig, mel_spectrogram
from pipelines.runtime.attention import attend

SAMPLE_RATE = 16_000
SAMPLES_PER_FEATURE = 320
"""One feature is 20 ms."""
WIDTH, HEADS, LAYERS, BANDS = 512, 8, 6, 80
LONGEST_SECONDS = 30
WHISPER_MEL = MelConfig(
    filter_rate=SAMPLE_RATE, fft=400, hop=160, bands=BANDS, window=400, centred=True, power=2
)


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.wide = nn.Linear(WIDTH, 4 * WIDTH)
        self.narrow = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        batch, frames, _ = x.shape
        heads = self.qkv(self.attention_norm(x)).view(batch, frames, 3, HEADS, WIDTH // HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        heard = attend(query, key, value).transpose(1, 2).reshape(batch, frames, WIDTH)
        x = x + self.out(heard)
        x = x + self.narrow(F.gelu(self.wide(self.norm(x))))
        return x


class WhisperEncoder(nn.Module):
    """Samples at 16 kHz to features of 20 ms."""

    positions: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(BANDS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.layers = nn.ModuleList(_Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.register_buffer("positions", _positions(), persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        """`[batch, samples]`, a multiple of 320 and at most 30 s, to `[batch, features, 512]`."""
        x = F.gelu(self.conv1(log_mel(waves)))
        x = F.gelu(self.conv2(x)).mT
        x = x + self.positions[: x.shape[1]]
        for layer in self.layers:
            x = layer(x)
        features: Tensor = self.norm(x).float()
        return features


def log_mel(waves: Tensor) -> Tensor:
    """Whisper's view of `[batch, samples]`: `[batch, bands, samples / 160]`, floored 8 decades
    below the loudest."""
    logarithm = mel_spectrogram(waves, WHISPER_MEL)[..., :-1].clamp(min=1e-10).log10()
    loudest = logarithm.amax(dim=(1, 2), keepdim=True)
    return (logarithm.maximum(loudest - 8.0) + 4.0) / 4.0


def _positions() -> Tensor:
    """Sines, then cosines, of wavelengths from 2π to 20000π: `[1500, width]`."""
    half = WIDTH // 2
    rates = torch.exp(-torch.arange(half) * torch.log(torch.tensor(10_000.0)) / (half - 1))
    frames = LONGEST_SECONDS * SAMPLE_RATE // SAMPLES_PER_FEATURE
    angles = torch.arange(frames)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def from_ctranslate2(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The names of the tensors under `encoder/` of a CTranslate2 model, as they are here."""
    renamed = {
        name: tensors[source]
        for kind in ("weight", "bias")
        for name, source in (
            (f"conv1.{kind}", f"conv1/{kind}"),
            (f"conv2.{kind}", f"conv2/{kind}"),
        )
    }
    renamed.update(_norm("norm", tensors, "layer_norm"))
    for layer in range(LAYERS):
        ours, theirs = f"layers.{layer}", f"layer_{layer}"
        renamed.update(
            _norm(f"{ours}.attention_norm", tensors, f"{theirs}/self_attention/layer_norm")
        )
        renamed.update(_norm(f"{ours}.norm", tensors, f"{theirs}/ffn/layer_norm"))
        for name, source in (
            ("qkv", "self_attention/linear_0"),
            ("out", "self_attention/linear_1"),
            ("wide", "ffn/linear_0"),
            ("narrow", "ffn/linear_1"),
        ):
            for kind in ("weight", "bias"):
                renamed[f"{ours}.{name}.{kind}"] = tensors[f"{theirs}/{source}/{kind}"]
    return renamed


def _norm(name: str, tensors: Mapping[str, NDArray[Any]], source: str) -> dict[str, NDArray[Any]]:
    return {
        f"{name}.weight": tensors[f"{source}/gamma"],
        f"{name}.bias": tensors[f"{source}/beta"],
    }
