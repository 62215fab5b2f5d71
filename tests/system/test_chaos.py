"""Short runs of the harnesses that `make chaos` and `make chaos-bulk` run at length."""

from __future__ import annotations

import pytest

from tests.chaos import bulk
from tests.chaos.plan import SHORT, make
from tests.chaos.proxy import Fault
from tests.chaos.run import carry_out


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_chaos_run_keeps_every_promise() -> None:
    record = carry_out(make(1, SHORT), print)
    broken = {promise.title: promise.broken for promise in record.promises if promise.broken}
    assert not broken
    assert record.outcomes["succeeded"] > SHORT.clips / 2
    assert len(record.faults) >= len(Fault) / 2, "faults of the store met somebody"


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_batches_that_are_struck_are_what_they_are_undisturbed() -> None:
    promises = bulk.carry_out(1, 200, print)
    assert not {promise.title: promise.broken for promise in promises if promise.broken}
