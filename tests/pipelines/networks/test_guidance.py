from __future__ import annotations

import pytest
import torch

from pipelines.networks.guidance import GuidedRows, guided

CPU = torch.device("cpu")


def test_guidance_goes_from_one_prediction_through_the_other() -> None:
    conditional, unconditional = torch.tensor([[3.0]]), torch.tensor([[1.0]])
    for scale, expected in ((0.0, 1.0), (1.0, 3.0), (2.0, 5.0)):
        assert guided(conditional, unconditional, torch.tensor([[scale]])).item() == expected


@pytest.mark.parametrize("is_guided", [[True, False, True], [False, False], [True]])
def test_rows_of_a_pass_are_those_of_each_member(is_guided: list[bool]) -> None:
    rows = GuidedRows(is_guided, CPU)
    members = torch.arange(len(is_guided))
    expected = [member for member, two in enumerate(is_guided) for _ in range(1 + two)]
    assert rows.spread(members).tolist() == expected
    packed = torch.randn(len(expected), 3, generator=torch.Generator().manual_seed(0))
    scales = torch.tensor([2.0 if two else 1.0 for two in is_guided])[:, None]
    mixed = iter(packed)
    for two, result in zip(is_guided, rows.guided(packed, scales), strict=True):
        first = next(mixed)
        torch.testing.assert_close(result, guided(first, next(mixed), 2.0) if two else first)
