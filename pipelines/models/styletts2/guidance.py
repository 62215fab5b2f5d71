"""The denoiser over a batch whose members have different texts, noise levels and scales."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pipelines.models.styletts2.denoiser import StyleDenoiser
from pipelines.models.styletts2.sampler import preconditioned
from pipelines.networks.guidance import NO_GUIDANCE, GuidedRows
from pipelines.runtime.device import Runtime
from pipelines.runtime.lengths import Lengths
from pipelines.runtime.precision import autocast
from pipelines.runtime.transfer import to_device


class GuidedDenoiser:
    """Packs everything that stays the same from pass to pass: one row for a member without
    guidance, two for one with it, the text's and then the fixed embedding's.
    """

    def __init__(
        self,
        model: StyleDenoiser,
        texts: Sequence[Tensor],
        styles: Tensor | None,
        scales: Sequence[float],
        runtime: Runtime,
    ) -> None:
        """`texts` are `[tokens, width]` each, `styles` `[batch, 2 · style]` of the speakers."""
        self._model = model
        self._runtime = runtime
        rows: list[Tensor] = []
        for text, scale in zip(texts, scales, strict=True):
            rows.append(text)
            if scale != NO_GUIDANCE:
                rows.append(model.fixed_embedding(len(text)).to(text.dtype))
        device = runtime.device
        self._texts = pad_sequence(rows, batch_first=True)
        self._lengths = Lengths.of([len(row) for row in rows], device)
        self._rows = GuidedRows([scale != NO_GUIDANCE for scale in scales], device)
        self._scales = to_device(scales, device)[:, None]
        self._styles = None if styles is None else self._rows.spread(styles)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Styles `[batch, 2 · style]` at noise levels `[batch]` to what they are without noise."""
        return preconditioned(self.network, x, sigma, self._model.sigma_data)

    def network(self, x: Tensor, level: Tensor) -> Tensor:
        """What the network itself predicts, mixed by each member's scale."""
        x, level = self._rows.spread(x), self._rows.spread(level)
        with autocast(self._runtime):
            packed = self._model(x, level, self._texts, self._styles, self._lengths).float()
        return self._rows.guided(packed, self._scales)
