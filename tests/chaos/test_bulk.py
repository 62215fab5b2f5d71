from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.bulk import STRIKES, plan


@given(st.integers(0, 2**32))
def test_plan_has_each_strike_once_while_lines_are_made(seed: int) -> None:
    found = plan(seed)
    assert found == plan(seed)
    shares = [share for share, _ in found]
    assert shares == sorted(shares)
    assert 0 < shares[0] <= shares[-1] < 1
    assert {event for _, event in found} == set(STRIKES)
    assert len(found) == len(STRIKES)
