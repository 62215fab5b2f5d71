from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipelines.models.styletts2.alignment import (
    align,
    delayed,
    frame_counts,
    lengthened,
    settled,
)
from pipelines.runtime.lengths import Lengths


def _logits(*durations: float) -> torch.Tensor:
    """Logits whose sigmoids sum to the given durations (at most 4)."""
    return torch.logit(torch.tensor(durations)[:, None] / 4).expand(-1, 4)


@pytest.mark.parametrize(
    ("speed", "expected"), [(1.0, [1, 2, 2, 4]), (0.5, [0, 4, 6, 8]), (4.0, [0, 0, 1, 1])]
)
def test_alignment_speed_divides_and_rounding_is_carried(speed: float, expected: list[int]) -> None:
    logits = _logits(0.1, 1.6, 2.4, 3.6)[None]
    [counts] = frame_counts(logits, torch.tensor([speed]), Lengths.of([4]))
    assert counts.tolist() == expected


@given(
    st.lists(st.floats(0.05, 3.9), min_size=1, max_size=60), st.floats(0.25, 4.0), st.integers(0, 5)
)
def test_alignment_the_whole_is_as_fast_as_asked(
    durations: list[float], speed: float, more: int
) -> None:
    logits = torch.nn.functional.pad(_logits(*durations), (0, 0, 0, more))[None]
    lengths = Lengths.of([len(durations)])
    [plain] = frame_counts(logits, torch.ones(1), lengths)
    [counts] = frame_counts(logits, torch.tensor([speed]), lengths)
    assert int(counts.min()) >= 0
    assert int(counts.sum()) == pytest.approx(max(1, int(plain.sum()) / speed), abs=0.51)


def test_alignment_halves_round_to_even() -> None:
    logits = torch.full((1, 2, 5), -100.0)
    logits[0, 0, :2], logits[0, 0, 2] = 100, 0
    logits[0, 1, :3], logits[0, 1, 3] = 100, 0
    [counts] = frame_counts(logits, torch.ones(1), Lengths.of([2]))
    assert counts.tolist() == [2, 4]


def test_alignment_padding_tokens_have_no_frames() -> None:
    logits = torch.stack([_logits(2, 2, 2), _logits(3, 3, 3)])
    counts = frame_counts(logits, torch.ones(2), Lengths.of([3, 1]))
    assert counts.tolist() == [[2, 2, 2], [3, 0, 0]]


def test_alignment_features_are_repeated() -> None:
    features = torch.tensor([[[1.0, 2, 3]], [[4, 5, 6]]])
    aligned, lengths = align(features, torch.tensor([[1, 2, 1], [1, 1, 0]]))
    assert lengths.values == (4, 2)
    assert aligned.tolist() == [[[1, 2, 2, 3]], [[4, 5, 0, 0]]]


@pytest.mark.parametrize("speed", [2.0, 2 / 3, 0.4, 4.0])
def test_rounding_errors_of_a_processor_change_no_length(speed: float) -> None:
    """Durations of saturated sigmoids: whole but for the last bits, which differ by processor."""
    noise = torch.Generator().manual_seed(0)
    whole = torch.randint(1, 30, (1, 400), generator=noise)
    logits = torch.where(torch.arange(50) < whole[..., None], 12.0, -12.0)
    lengths, speeds = Lengths.of([400]), torch.tensor([speed])
    counts = frame_counts(logits, speeds, lengths)
    assert (counts * speed - whole).abs().max() <= max(1, speed)
    for scale in (1e-6, 1e-5):
        other = logits * (1 + scale * torch.randn(logits.shape, generator=noise))
        torch.testing.assert_close(frame_counts(other, speeds, lengths), counts)


def test_durations_that_are_not_whole_are_left_alone() -> None:
    durations = torch.tensor([1.5, 2.4999, 3.002, 2.9995, 4.0001])
    expected = torch.tensor([1.5, 2.4999, 3.002, 3.0, 4.0])
    torch.testing.assert_close(settled(durations), expected)


def test_the_last_token_is_lengthened_and_everything_delayed() -> None:
    lengths = Lengths.of([3, 2])
    frames = lengthened(torch.tensor([[2, 3, 4], [5, 6, 0]]), lengths, [5, 0])
    assert frames.tolist() == [[2, 3, 9], [5, 6, 0]]
    assert delayed(frames, lengths).tolist() == [[3, 3, 8], [6, 5, 0]]
