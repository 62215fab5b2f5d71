from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.plan import LONG, SERVICES, SHORT, Injection, Then, make
from tests.chaos.proxy import Fault


@given(st.integers(0, 2**32))
def test_plan_is_determined_by_its_seed(seed: int) -> None:
    plan = make(seed, SHORT)
    assert plan == make(seed, SHORT)
    assert plan.submissions != make(seed + 1, SHORT).submissions
    for moments in ([each.at for each in plan.submissions], [each.at for each in plan.events]):
        assert moments == sorted(moments)
        assert 0 <= moments[0] <= moments[-1] <= SHORT.seconds


def test_plan_of_some_length_has_every_fault() -> None:
    plan = make(1, LONG)
    assert len(plan.submissions) >= 1_000
    assert {each.user for each in plan.submissions} == set(range(20))
    assert {each.service for each in plan.submissions} == set(SERVICES)
    assert {each.then for each in plan.submissions} == set(Then)
    for keyed in (True, False):
        asked = [each for each in plan.submissions if (each.key is not None) is keyed]
        assert {each.repeats for each in asked} == {0, 1, 2}
    assert Counter(each.key is None for each in plan.submissions)[True] > 50
    assert {each.injection for each in plan.events} == set(Injection)
    assert {each.fault for each in plan.events} == {None, *Fault}
    held = [each for each in plan.events if each.injection is Injection.ROW_HELD]
    assert {each.seconds for each in held} == {60.0}
    killed = {each.replica for each in plan.events if each.injection is Injection.KILL}
    assert {"worker", "ingress"} < killed
