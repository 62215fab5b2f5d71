from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from pipelines.models.seedvc.f0 import pitch_classes, shift_pitch
from pipelines.networks.rmvpe import decode

CONTOUR = st.lists(st.one_of(st.just(0.0), st.floats(30.0, 2000.0)), min_size=1, max_size=50)


def test_f0_classes_at_their_limits() -> None:
    hertz = torch.tensor([0.0, 1e-5, 30.0, 50.0, 1100.0, 1110.0, 1975.0])
    assert pitch_classes(hertz, 256).tolist() == [1, 1, 1, 1, 255, 0, 0]


@given(contour=CONTOUR)
def test_f0_classes_rise_with_the_pitch_up_to_1100_hz(contour: list[float]) -> None:
    hertz = torch.tensor(sorted(f for f in contour if f <= 1100.0), dtype=torch.float64)
    classes = pitch_classes(hertz, 256)
    assert (classes.diff() >= 0).all()
    assert ((classes >= 1) & (classes <= 255)).all()


@given(source=CONTOUR, reference=CONTOUR, semitones=st.floats(-24, 24))
def test_f0_matching_moves_the_median(
    source: list[float], reference: list[float], semitones: float
) -> None:
    a, b = (torch.tensor(c, dtype=torch.float64) for c in (source, reference))
    shifted = shift_pitch(a, b, match=True, semitones=semitones)
    assert torch.isfinite(shifted).all()
    assert (shifted[a == 0] < 1.1e-5).all()
    if (a > 1).any() and (b > 1).any():
        wanted = b[b > 1].median() * 2 ** (semitones / 12)
        torch.testing.assert_close(shifted[a > 1].median(), wanted, rtol=1e-6, atol=1e-4)


def test_f0_without_voice_there_is_nothing_to_match() -> None:
    silent, sung = torch.zeros(5, dtype=torch.float64), torch.full((5,), 200.0).double()
    assert torch.isfinite(shift_pitch(silent, sung, match=True, semitones=2)).all()
    shifted = shift_pitch(sung, silent, match=True, semitones=12)
    torch.testing.assert_close(shifted, 2 * sung, rtol=1e-6, atol=1e-4)


def test_f0_single_strong_class_is_its_own_pitch() -> None:
    salience = torch.full((3, 360), 1e-9)
    salience[0, 0] = salience[1, 359] = 1.0
    hertz = decode(salience)
    cents = torch.tensor([0.0, 359 * 20.0], dtype=torch.float64) + 1997.3794084376191
    torch.testing.assert_close(hertz[:2], 10 * 2 ** (cents / 1200), rtol=1e-5, atol=0)
    assert hertz[2] == 0
