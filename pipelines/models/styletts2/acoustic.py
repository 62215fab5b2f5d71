"""The acoustic half of a StyleTTS2 model: from phoneme symbols to what a decoder speaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from pipelines.models.styletts2.alignment import Alignment, delayed, frame_counts, lengthened
from pipelines.models.styletts2.config import ModelConfig
from pipelines.models.styletts2.denoiser import StyleDenoiser
from pipelines.models.styletts2.phoneme_encoder import PhonemeEncoder
from pipelines.models.styletts2.plbert import plbert
from pipelines.models.styletts2.prosody import ProsodyPredictor
from pipelines.runtime.lengths import Lengths


class DecoderInputs(NamedTuple):
    """A padded batch for the decoder. `lengths` counts alignment frames of 25 ms."""

    asr: Tensor
    """Text features laid out over time, `[batch, hidden, frames]`."""
    f0: Tensor
    """`[batch, 2 · frames]`, Hz."""
    energy: Tensor
    """`[batch, 2 · frames]`."""
    lengths: Lengths
    ends: Tensor
    """Of each token: the frame at which its sound ends, `[batch, tokens]`."""


class AcousticModel(nn.Module):
    """PL-BERT, denoiser, text encoder and prosody predictor. Fields are named as in checkpoints."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.delayed_features = config.delayed_features
        self.bert = plbert(config)
        self.bert_encoder = nn.Linear(config.bert.hidden, config.hidden)
        self.text_encoder = PhonemeEncoder(config)
        self.predictor = ProsodyPredictor(config)
        self.diffusion = None if config.denoiser is None else StyleDenoiser(config, config.denoiser)

    @property
    def precise(self) -> list[nn.Module]:
        """What stays float32 whatever the denoiser computes in: durations must not depend on it."""
        return [part for part in self.children() if part is not self.diffusion]

    @property
    def denoiser(self) -> StyleDenoiser:
        """Raises ValueError for a model whose styles are given."""
        if self.diffusion is None:
            raise ValueError("This model does not sample styles")
        return self.diffusion

    def read(self, tokens: Tensor, lengths: Lengths) -> Tensor:
        """The output of PL-BERT for `[batch, tokens]`: `[batch, tokens, width]`."""
        return self.bert(tokens, lengths)  # type: ignore[no-any-return]

    def speak(
        self,
        tokens: Tensor,
        text: Tensor,
        prosody: Tensor,
        speeds: Tensor,
        lengths: Lengths,
        final_frames: Sequence[int],
    ) -> DecoderInputs:
        """`text` is what `read` gave for `tokens`, `prosody` `[batch, style]` the half
        of the style for the predictor.

        `speeds` `[batch]` divide durations; `final_frames` are added to each member's last token.
        """
        features, logits = self.predictor.durations(self.bert_encoder(text), prosody, lengths)
        frames = frame_counts(logits, speeds, lengths)
        if any(final_frames):
            frames = lengthened(frames, lengths, final_frames)
        ends = frames.cumsum(1)
        if self.delayed_features:
            frames = delayed(frames, lengths)
        alignment = Alignment.of(frames)
        spans = alignment.lengths
        f0, energy = self.predictor.contours(alignment.spread(features), prosody, spans)
        asr = alignment.spread(self.text_encoder(tokens, lengths))
        return DecoderInputs(asr, f0, energy, spans, ends)
