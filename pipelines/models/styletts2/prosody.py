"""The prosody predictor: how long each phoneme lasts, then pitch and energy over time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipelines.models.styletts2.config import ModelConfig
from pipelines.networks.adain_blocks import AdaINResidual
from pipelines.networks.norms import AdaLayerNorm
from pipelines.runtime.lengths import Lengths, run_lstm


class DurationEncoder(nn.Module):
    """LSTMs and style layer norms in turn; the style is joined to the features before each LSTM."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        hidden, style = config.hidden, config.style
        self.lstms = nn.ModuleList()
        for _ in range(config.encoder_layers):
            self.lstms.append(
                nn.LSTM(hidden + style, hidden // 2, batch_first=True, bidirectional=True)
            )
            self.lstms.append(AdaLayerNorm(style, hidden))

    def forward(self, text: Tensor, style: Tensor, lengths: Lengths) -> Tensor:
        """`text` `[batch, tokens, hidden]` to `[batch, tokens, hidden + style]`."""
        styles = style[:, None].expand(-1, text.shape[1], -1)
        x = torch.cat([text, styles], dim=2)
        for lstm, norm in zip(self.lstms[::2], self.lstms[1::2], strict=True):
            x = torch.cat([norm(run_lstm(lstm, x, lengths), style), styles], dim=2)
        return lengths.clear(x.mT).mT


class DurationProjection(nn.Module):
    """One logit per frame that a token may last."""

    def __init__(self, hidden: int, max_duration: int) -> None:
        super().__init__()
        self.linear_layer = nn.Linear(hidden, max_duration)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear_layer(x)  # type: ignore[no-any-return]


class ProsodyPredictor(nn.Module):
    """Durations from text features; F0 and energy from the same features laid out over time.

    Fields are named as in checkpoints: `F0` and `N` are the layers that predict the pitch and the
    energy, which is the norm of a mel frame.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        hidden, style = config.hidden, config.style
        self.text_encoder = DurationEncoder(config)
        self.lstm = nn.LSTM(hidden + style, hidden // 2, batch_first=True, bidirectional=True)
        self.duration_proj = DurationProjection(hidden, config.max_duration)
        self.shared = nn.LSTM(hidden + style, hidden // 2, batch_first=True, bidirectional=True)
        self.F0 = _contour(hidden, style)
        self.N = _contour(hidden, style)
        self.F0_proj = nn.Conv1d(hidden // 2, 1, 1)
        self.N_proj = nn.Conv1d(hidden // 2, 1, 1)

    def durations(self, text: Tensor, style: Tensor, lengths: Lengths) -> tuple[Tensor, Tensor]:
        """Features `[batch, hidden + style, tokens]` and logits `[batch, tokens, max_duration]`."""
        features = self.text_encoder(text, style, lengths)
        logits = self.duration_proj(run_lstm(self.lstm, features, lengths))
        return features.mT, logits

    def contours(self, aligned: Tensor, style: Tensor, lengths: Lengths) -> tuple[Tensor, Tensor]:
        """F0 (Hz, may be slightly negative) and energy, each `[batch, 2 · frames]`.

        `aligned` is `[batch, hidden + style, frames]`. Zeros beyond each length.
        """
        shared = run_lstm(self.shared, aligned.mT, lengths).mT
        f0 = _follow(self.F0, self.F0_proj, shared, style, lengths)
        energy = _follow(self.N, self.N_proj, shared, style, lengths)
        return f0, energy


def _contour(hidden: int, style: int) -> nn.ModuleList:
    half = hidden // 2
    return nn.ModuleList(
        [
            AdaINResidual(hidden, hidden, style),
            AdaINResidual(hidden, half, style, upsample=True),
            AdaINResidual(half, half, style),
        ]
    )


def _follow(
    blocks: nn.ModuleList, projection: nn.Conv1d, x: Tensor, style: Tensor, lengths: Lengths
) -> Tensor:
    """A contour `[batch, 2 · frames]` from features `[batch, hidden, frames]`."""
    for block in blocks:
        x, lengths = block(x, style, lengths)
    return lengths.clear(projection(x))[:, 0]
