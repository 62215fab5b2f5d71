"""A few of the cases that `make fuzz` runs, and that they are what they should be."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tests.fuzz import recordings, texts
from tests.fuzz.running import Target, run
from tests.fuzz.targets import TARGETS

CASES = range(10_000_000, 10_000_300)
"""Others than the numbers that `make fuzz` begins with."""


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_fuzzed_inputs_are_at_most_refused(target: Target[bytes]) -> None:
    result = run(target, CASES)
    assert result.faults == {}
    assert result.outcomes.total() == len(CASES)
    assert result.outcomes["taken"] > 30
    assert len(result.outcomes) > 1


def test_fuzz_case_is_reproducible() -> None:
    for make in (recordings.make, texts.make):
        assert make(Random("7")) == make(Random("7")) != make(Random("8"))


def test_run_numbers_its_faults() -> None:
    def outcome(made: str) -> str:
        assert int(made) < 90
        return "taken"

    odd = Target("odd", lambda rng: str(rng.randrange(100)), outcome, 1.0)
    result = run(odd, range(200))
    assert Counter({"taken": 200 - len(result.faults)}) == result.outcomes
    assert 5 < len(result.faults) < 50
    for number, fault in result.faults.items():
        assert fault.startswith("AssertionError")
        assert odd.make(Random(f"odd {number}")) in fault
    hurried = Target("hurried", lambda rng: "", lambda made: "taken", -1.0)
    assert len(run(hurried, range(3)).faults) == 3
