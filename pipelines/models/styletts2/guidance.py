"""The denoiser over a batch whose members have different texts, noise levels and scales."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pipelines.models.styletts2.denoiser import StyleDenoiser
from pipelines.models.styletts2.sampler import preconditioned
from pipelines.networks.guidance import NO_GUIDANCE, GuidedRows
from pipelines.runtime.device import Runtime
from pipelines.runtime.graphs import Graphed
from pipelines.runtime.lengths import BoundedLengths, Lengths
from pipelines.runtime.precision import in_types_of
from pipelines.runtime.transfer import to_device

TOKENS = 32
"""Texts are padded to a multiple of so many tokens where passes are captured."""


class DenoiserPasses:
    """Passes of the denoiser over rows of any texts, captured where the runtime captures."""

    def __init__(self, model: StyleDenoiser, runtime: Runtime) -> None:
        self.model = model
        self.runtime = runtime
        self._plain = in_types_of(runtime, model)
        self.graphed = Graphed("the style denoiser", self._bounded, runtime.graphs)

    def shape(self, rows: int, tokens: int) -> tuple[int, int]:
        """Rows and tokens that so many of them should be padded to."""
        padded = -(-tokens // TOKENS) * TOKENS if self.graphed.captures else tokens
        return self.graphed.rows(rows), padded

    def __call__(
        self, x: Tensor, level: Tensor, text: Tensor, style: Tensor | None, lengths: Lengths
    ) -> Tensor:
        """As `StyleDenoiser`, in float32."""
        if self.runtime.graphs is None:
            return self._plain(x, level, text, style, lengths)
        return self.graphed(x, level, text, style, lengths.tensor)

    def _bounded(
        self, x: Tensor, level: Tensor, text: Tensor, style: Tensor | None, lengths: Tensor
    ) -> Tensor:
        return self._plain(x, level, text, style, BoundedLengths(lengths, text.shape[1]))


class GuidedDenoiser:
    """Packs everything that stays the same from pass to pass: one row for a member without
    guidance, two for one with it, the text's and then the fixed embedding's.
    """

    def __init__(
        self,
        texts: Sequence[Tensor],
        styles: Tensor | None,
        scales: Sequence[float],
        passes: DenoiserPasses,
    ) -> None:
        """`texts` are `[tokens, width]` each, `styles` `[batch, 2 · style]` of the speakers."""
        model = passes.model
        self._passes = passes
        rows: list[Tensor] = []
        for text, scale in zip(texts, scales, strict=True):
            rows.append(text)
            if scale != NO_GUIDANCE:
                rows.append(model.fixed_embedding(len(text)).to(text.dtype))
        device, tokens = passes.runtime.device, max(len(row) for row in rows)
        most, longest = passes.shape(len(rows), tokens)
        # Rows of one token at the end, and tokens at the end of each row.
        rows += [rows[0][:1]] * (most - len(rows))
        padded = pad_sequence(rows, batch_first=True)
        self._texts = F.pad(padded, (0, 0, 0, longest - tokens)) if longest > tokens else padded
        self._lengths = Lengths.of([len(row) for row in rows], device)
        self._rows = GuidedRows([scale != NO_GUIDANCE for scale in scales], device, most)
        self._scales = to_device(scales, device)[:, None]
        self._styles = None if styles is None else self._rows.spread(styles)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Styles `[batch, 2 · style]` at noise levels `[batch]` to what they are without noise."""
        return preconditioned(self.network, x, sigma, self._passes.model.sigma_data)

    def network(self, x: Tensor, level: Tensor) -> Tensor:
        """What the network itself predicts, mixed by each member's scale."""
        x, level = self._rows.spread(x), self._rows.spread(level)
        packed = self._passes(x, level, self._texts, self._styles, self._lengths)
        return self._rows.guided(packed, self._scales)
