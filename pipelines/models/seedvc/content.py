"""Content features: what is said, from the encoder of Whisper (Radford et al., 2022)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

import pipelines.runtime.torchaudio_import  # noqa: F401 (transformers imports torchaudio)
from pipelines.audio.mel import MelConfig, mel_spectrogram
from pipelines.runtime.attention import attend
from pipelines.weights.state_dicts import load_strict, under

SAMPLE_RATE = 16000
WINDOW_SAMPLES = 30 * SAMPLE_RATE
CONTEXT_SAMPLES = 5 * SAMPLE_RATE
SAMPLES_PER_FEATURE = 320
ATTENTION = "attend"
WINDOWS_AT_ONCE = 4
"""Windows of one forward pass: bounds the memory that a long recording takes."""


@dataclass(frozen=True, slots=True)
class EncoderWindow:
    """Samples `start` to `stop` of a recording; the first `known` features are not new."""

    start: int
    stop: int
    known: int

    @property
    def features(self) -> int:
        """Features up to the end of the samples; the rest of 30 s is padding."""
        samples = self.stop - self.start
        return min(samples // SAMPLES_PER_FEATURE + 1, WINDOW_SAMPLES // SAMPLES_PER_FEATURE)


def encoder_windows(samples: int) -> list[EncoderWindow]:
    """Windows of up to 30 s; each but the first begins with the last 5 s of the one before."""
    first = min(samples, WINDOW_SAMPLES)
    found = [EncoderWindow(0, first, 0)]
    while (position := found[-1].stop) < samples:
        start = position - CONTEXT_SAMPLES
        found.append(
            EncoderWindow(
                start, min(start + WINDOW_SAMPLES, samples), CONTEXT_SAMPLES // SAMPLES_PER_FEATURE
            )
        )
    return found


def input_features(waves: Tensor, bands: int) -> Tensor:
    """30 s windows `[batch, WINDOW_SAMPLES]` to Whisper's log-mel `[batch, bands, 3000]`."""
    config = MelConfig(
        filter_rate=SAMPLE_RATE, fft=400, hop=160, bands=bands, window=400, centred=True, power=2
    )
    logarithm = mel_spectrogram(waves, config)[..., :-1].clamp(min=1e-10).log10()
    loudest = logarithm.amax(dim=(1, 2), keepdim=True)
    return (logarithm.maximum(loudest - 8.0) + 4.0) / 4.0


class ContentEncoder(nn.Module):
    """The encoder half of a Whisper model."""

    def __init__(self, encoder: nn.Module, bands: int) -> None:
        super().__init__()
        self.bands = bands
        self.encoder = encoder

    def forward(self, waves: Tensor) -> Tensor:
        """30 s windows `[batch, WINDOW_SAMPLES]`, zero-padded, to `[batch, 1500, width]`, 50 Hz.

        The padding takes part in the attention, as it did in training.
        """
        hidden: Tensor = self.encoder(input_features(waves, self.bands)).last_hidden_state
        return hidden.float()

    def features(self, recordings: list[Tensor]) -> list[Tensor]:
        """Recordings `[samples]` at 16 kHz of any length to features `[frames, width]` each."""
        plans = [encoder_windows(len(recording)) for recording in recordings]
        cuts = [
            recording[window.start : window.stop]
            for recording, plan in zip(recordings, plans, strict=True)
            for window in plan
        ]
        encoded = iter(
            features
            for first in range(0, len(cuts), WINDOWS_AT_ONCE)
            for features in self(_padded(cuts[first : first + WINDOWS_AT_ONCE]))
        )
        return [
            torch.cat([next(encoded)[window.known : window.features] for window in plan])
            for plan in plans
        ]


def _padded(cuts: list[Tensor]) -> Tensor:
    return torch.stack([F.pad(cut, (0, WINDOW_SAMPLES - len(cut))) for cut in cuts])


def load_content_encoder(folder: Path) -> ContentEncoder:
    """From a Hugging Face folder; the decoder's weights are not read. Raises CheckpointError."""
    with torch.device("meta"):
        model = content_encoder(json.loads((folder / "config.json").read_text()))
    weights = folder / "model.safetensors"
    load_strict(model.encoder, under(load_file(weights), "model.encoder."), weights.name)
    return model.eval()


def content_encoder(sizes: Mapping[str, Any]) -> ContentEncoder:
    """The encoder of a Whisper model whose `config.json` holds these entries."""
    from transformers import AttentionInterface, WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    AttentionInterface.register(ATTENTION, _attention)
    config = WhisperConfig.from_dict({**sizes, "attn_implementation": ATTENTION})
    return ContentEncoder(WhisperEncoder(config), config.num_mel_bins)


def _attention(
    _layer: nn.Module, query: Tensor, key: Tensor, value: Tensor, _mask: None, **options: Any
) -> tuple[Tensor, None]:
    """Attention as transformers calls it: `[batch, heads, frames, size]` to frames before heads."""
    return attend(query, key, value, options["scaling"]).transpose(1, 2), None
