"""What can be asked of a model that samples styles. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.audio.recording import Recording
from pipelines.protocol import SpeechRequest
from pipelines.requests.ranges import check_range

NOISE_LEVELS = (2, 200)
SCALES = (0.0, 10.0)
SHARES = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the style of a segment is sampled.

    The sampler takes one step fewer than there are `noise_levels`. `scale` is that of the guidance
    towards the text; 1 means none. `alpha` (timbre) and `beta` (prosody) are the shares of the
    sampled style against that of the reference. In `long_form` each sentence continues the style of
    the one before.
    """

    noise_levels: int = 5
    scale: float = 1.0
    alpha: float = 0.3
    beta: float = 0.7
    long_form: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class StyledRequest(SpeechRequest):
    """Text to be spoken with a sampled style, in the voice of `reference` where the model has many
    speakers.
    """

    voice: str = ""
    reference: Recording | None = None
    sampling: Sampling = Sampling()


def check_sampling(sampling: Sampling) -> None:
    """Raises InvalidInput."""
    check_range("noise_levels", sampling.noise_levels, NOISE_LEVELS)
    check_range("scale", sampling.scale, SCALES)
    check_range("alpha", sampling.alpha, SHARES)
    check_range("beta", sampling.beta, SHARES)
