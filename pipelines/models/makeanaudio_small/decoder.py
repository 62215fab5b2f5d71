"""Latents to mel spectrograms: patches of eight bands by eight frames from their components."""

from __future__ import annotations

from torch import Tensor, nn

from pipelines.requests.sound import LATENT_FRAMES

BANDS = 8
"""Mel bands of a patch, as many as a row of the latent stands for."""


class PatchDecoder(nn.Module):
    """Linear: the latents are principal components, found by `training.sound_latents`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.components = nn.Linear(channels, BANDS * LATENT_FRAMES)

    def forward(self, z: Tensor) -> Tensor:
        """`[batch, channels, 10, columns]` to log10 mel `[batch, 80, 8 * columns]`."""
        batch, _, rows, columns = z.shape
        patches: Tensor = self.components(z.permute(0, 2, 3, 1))
        split = patches.view(batch, rows, columns, BANDS, LATENT_FRAMES).permute(0, 1, 3, 2, 4)
        return split.reshape(batch, rows * BANDS, columns * LATENT_FRAMES)
