"""Ties between pitch classes, decided as a recording does."""

from __future__ import annotations

import pytest
import torch

from parity.pitch_ties import SALIENCE, settled, ties_as_recorded
from pipelines.networks.rmvpe import RMVPE, RMVPEConfig, decode

LOW, HIGH = 29, 279


def salience(difference: float) -> torch.Tensor:
    """Of one frame `[1, classes]`: the high class is stronger than the low one by `difference`."""
    made = torch.full((1, 360), 0.001)
    made[0, LOW] = 0.04
    made[0, HIGH] = 0.04 + difference
    return made


LOW_HERTZ = decode(salience(-0.01))
HIGH_HERTZ = decode(salience(0.01))


@pytest.mark.parametrize("contour", [LOW_HERTZ, HIGH_HERTZ])
@pytest.mark.parametrize("difference", [-SALIENCE / 10, 0.0, SALIENCE / 10])
def test_settled_gives_the_recorded_one_of_two_that_tie(
    contour: torch.Tensor, difference: float
) -> None:
    given = salience(difference)
    made = settled(given, contour)
    torch.testing.assert_close(decode(made), contour, rtol=0, atol=5e-3)
    assert (made - given).abs().max() <= SALIENCE


def test_settled_changes_nothing_beyond_the_tolerance() -> None:
    given = salience(3 * SALIENCE)
    assert torch.equal(settled(given, LOW_HERTZ), given)


def test_ties_as_recorded_ends_with_its_block() -> None:
    tracker = RMVPE(RMVPEConfig(channels=2, levels=1, blocks=1, bottleneck=1, hidden=4)).eval()
    tracker.register_forward_hook(lambda *_: salience(SALIENCE / 10)[None])
    mel = torch.zeros(1, 128, 32)
    with ties_as_recorded(tracker, [LOW_HERTZ]):
        torch.testing.assert_close(decode(tracker(mel)[0]), LOW_HERTZ, rtol=0, atol=5e-3)
    torch.testing.assert_close(decode(tracker(mel)[0]), HIGH_HERTZ, rtol=0, atol=5e-3)
