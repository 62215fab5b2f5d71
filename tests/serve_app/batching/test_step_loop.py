from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.batching.fair_queue import FairQueue, Ticket
from serve_app.batching.step_loop import Limits, OneShot, Outcome, StepLoop


@dataclass
class Count:
    """A state that counts its own steps."""

    name: str
    steps_left: int
    steps: int = 0


class Counter:
    """A stage whose items are (name, steps); `poison` names raise in the operation given."""

    def __init__(self, poison: dict[str, str] | None = None) -> None:
        self.poison = poison or {}
        self.batches: list[list[str]] = []

    def _check(self, operation: str, names: Sequence[str]) -> None:
        if any(self.poison.get(name) == operation for name in names):
            raise ValueError(operation)

    def begin(self, segments: Sequence[Any]) -> list[Count]:
        self._check("begin", [name for name, _ in segments])
        return [Count(name, steps) for name, steps in segments]

    def step(self, states: Sequence[Count]) -> None:
        self.batches.append([state.name for state in states])
        self._check("step", [state.name for state in states])
        for state in states:
            state.steps += 1
            state.steps_left -= 1

    def finish(self, states: Sequence[Count]) -> list[tuple[str, int]]:
        self._check("finish", [state.name for state in states])
        return [(state.name, state.steps) for state in states]


def run(loop: StepLoop, ticks: int = 10_000) -> list[Outcome]:
    outcomes: list[Outcome] = []
    while loop.busy and ticks:
        outcomes += loop.tick()
        ticks -= 1
    assert not loop.busy
    return outcomes


def make(stage: Any, **limits: Any) -> StepLoop:
    return StepLoop(stage, Limits(**limits), clock=lambda: 0.0)


def test_step_loop_members_join_at_the_next_step_and_leave_when_done() -> None:
    stage = Counter()
    loop = make(stage)
    loop.submit(Ticket("long", "u"), ("long", 3))
    loop.tick()
    loop.submit(Ticket("short", "u"), ("short", 1))
    outcomes = run(loop)
    assert stage.batches == [["long"], ["long", "short"], ["long"]]
    assert [outcome.result for outcome in outcomes] == [("short", 1), ("long", 3)]


def test_step_loop_bounds_a_batch_by_count_length_and_spread() -> None:
    assert Limits(max_batch=2).room([1, 1]) is None
    assert Limits(max_length=100).room([51]) is None
    assert Limits(max_length=120, spread=9).room([50]) == (50 / 9, 60)
    assert Limits(spread=1.5).room([10, 12]) == (8, 15)


def test_step_loop_runs_an_oversized_item_alone() -> None:
    stage = Counter()
    loop = make(stage, max_length=100)
    loop.submit(Ticket("huge", "u", length=500), ("huge", 1))
    loop.submit(Ticket("small", "u", length=400), ("small", 1))
    run(loop)
    assert stage.batches == [["huge"], ["small"]]


def test_step_loop_steps_groups_of_unlike_lengths_in_turn() -> None:
    stage = Counter()
    loop = make(stage, max_groups=2)
    loop.submit(Ticket("a", "u", length=10), ("a", 2))
    loop.submit(Ticket("b", "u", length=100), ("b", 2))
    run(loop)
    assert stage.batches == [["a"], ["b"], ["a"], ["b"]]


def test_join_every_limits_admissions_to_a_running_batch() -> None:
    stage = Counter()
    loop = make(stage, join_every=3)
    loop.submit(Ticket("a", "u"), ("a", 7))
    loop.tick()
    for name in ("b", "c"):
        loop.submit(Ticket(name, "u"), (name, 2))
        loop.tick()
    run(loop)
    assert stage.batches == [["a"], ["a"], ["a"], *[["a", "b", "c"]] * 2, ["a"], ["a"]]


def test_join_every_does_not_delay_a_batch_not_yet_stepped() -> None:
    stage = Counter()
    loop = make(stage, join_every=3)
    for name in ("a", "b"):
        loop.submit(Ticket(name, "u"), (name, 1))
    run(loop)
    assert stage.batches == [["a", "b"]]


def test_cancel_takes_effect_at_the_next_step() -> None:
    stage = Counter()
    loop = make(stage)
    loop.submit(Ticket("a", "u"), ("a", 5))
    loop.submit(Ticket("b", "u"), ("b", 2))
    loop.tick()
    loop.cancel("a")
    assert [outcome.ticket.key for outcome in run(loop)] == ["b"]
    assert stage.batches == [["a", "b"], ["b"]]


@pytest.mark.parametrize("operation", ["begin", "step", "finish"])
def test_step_loop_isolates_the_failing_item(operation: str) -> None:
    loop = make(Counter({"bad": operation}))
    for name in ("good", "bad", "fine"):
        loop.submit(Ticket(name, "u"), (name, 2))
    outcomes = {outcome.ticket.key: outcome for outcome in run(loop)}
    assert isinstance(outcomes["bad"].error, ValueError)
    assert outcomes["good"].result == ("good", 2)
    assert outcomes["fine"].result == ("fine", 2)


def test_one_shot_runs_batches_of_items() -> None:
    batches: list[list[int]] = []

    def double(items: Sequence[Any]) -> list[Any]:
        batches.append(list(items))
        return [2 * item for item in items]

    loop = make(OneShot(double), max_batch=2)
    for n in range(3):
        loop.submit(Ticket(str(n), "u"), n)
    assert [outcome.result for outcome in run(loop)] == [0, 2, 4]
    assert batches == [[0, 1], [2]]


def test_progress_covers_running_items() -> None:
    loop = make(Counter(), max_batch=2)
    for name, steps in (("long", 3), ("none", 0), ("waits", 2)):
        loop.submit(Ticket(name, "u"), (name, steps))
    assert loop.progress() == {}
    loop.tick()
    assert loop.progress() == {"long": (1, 3)}
    loop.tick()
    assert loop.progress() == {"long": (2, 3), "waits": (1, 2)}
    run(loop)
    assert loop.progress() == {}


def test_outcome_has_times_and_batch_size() -> None:
    now = [0.0]
    loop = StepLoop(OneShot(list), Limits(max_batch=1), clock=lambda: now[0])
    loop.submit(Ticket("a", "u"), 1)
    now[0] = 2.0
    (outcome,) = loop.tick()
    assert (outcome.queued, outcome.batch) == (2.0, 1)


work = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(1, 40),
        st.integers(0, 4),
        st.sampled_from([None, None, None, "begin", "step", "finish"]),
        st.booleans(),
    ),
    max_size=30,
)


@given(work, st.integers(1, 3), st.integers(1, 4), st.integers(1, 3))
def test_step_loop_loses_and_duplicates_nothing(
    drawn: list[tuple[str, int, int, str | None, bool]], groups: int, batch: int, join_every: int
) -> None:
    poison = {
        str(n): what
        for n, (_, _, steps, what, _) in enumerate(drawn)
        if what and not (what == "step" and steps == 0)
    }
    limits = Limits(batch, max_length=120, max_groups=groups, join_every=join_every)
    loop = StepLoop(Counter(poison), limits, clock=lambda: 0.0)
    outcomes: list[Outcome] = []
    cancelled = set()
    for n, (user, length, steps, _, cancel) in enumerate(drawn):
        loop.submit(Ticket(str(n), user, index=n % 3, length=length), (str(n), steps))
        outcomes += loop.tick()
        if cancel and str(n) not in {outcome.ticket.key for outcome in outcomes}:
            loop.cancel(str(n))
            cancelled.add(str(n))
    outcomes += run(loop)
    keys = [outcome.ticket.key for outcome in outcomes]
    assert sorted(keys) == sorted({str(n) for n in range(len(drawn))} - cancelled)
    for outcome in outcomes:
        if outcome.ticket.key in poison:
            assert isinstance(outcome.error, ValueError)
        else:
            assert outcome.result == (outcome.ticket.key, drawn[int(outcome.ticket.key)][2])


def test_step_loop_survives_a_stage_that_miscounts() -> None:
    loop = make(OneShot(lambda items: [*items, "one too many"]))
    for name in ("a", "b"):
        loop.submit(Ticket(name, "u"), name)
    outcomes = run(loop)
    assert sorted(outcome.ticket.key for outcome in outcomes) == ["a", "b"]
    assert all(isinstance(outcome.error, ValueError) for outcome in outcomes)


@given(
    st.integers(1, 3), st.integers(0, 5), st.integers(1, 3), st.lists(st.integers(1, 4), min_size=1)
)
def test_overtaking_is_bounded(batch: int, overtaking: int, groups: int, steps: list[int]) -> None:
    tick = 0
    limits = Limits(max_batch=batch, overtaking=overtaking, max_groups=groups)
    loop = StepLoop(Counter(), limits, clock=lambda: tick)
    for n in range(groups):
        loop.submit(Ticket(f"open{n}", "u", length=10**n), (f"open{n}", 5))
    loop.tick()
    came = {"odd": 0.0}
    loop.submit(Ticket("odd", "other", length=9999), ("odd", 1))
    admitted: dict[str, float] = {}
    for tick, some_steps in zip(range(60), itertools.cycle(steps), strict=False):
        name = f"stream{tick}"
        came[name] = tick
        loop.submit(Ticket(name, "u", length=10 ** (tick % groups)), (name, some_steps))
        for outcome in loop.tick():
            if outcome.ticket.key in came:
                admitted[outcome.ticket.key] = came[outcome.ticket.key] + outcome.queued
    overtakers = [name for name in admitted if admitted[name] < admitted["odd"]]
    assert len(overtakers) <= overtaking


def test_step_loop_does_not_starve_suspects() -> None:
    loop = make(Counter({"bad": "begin"}), overtaking=3)
    loop.submit(Ticket("old", "u"), ("old", 5))
    loop.tick()
    for name in ("good", "bad"):
        loop.submit(Ticket(name, "u"), (name, 2))
    outcomes: list[Outcome] = []
    for n in range(60):
        loop.submit(Ticket(f"new{n}", "u"), (f"new{n}", 3 + n % 3))
        outcomes += loop.tick()
    assert {"good", "bad"} <= {outcome.ticket.key for outcome in outcomes}


def test_step_loop_failed_batch_disturbs_no_other() -> None:
    stage = Counter({"bad": "step"})
    loop = make(stage, max_groups=2)
    for name, length in (("bad", 10), ("mate", 10), ("far", 100), ("fellow", 100)):
        loop.submit(Ticket(name, "u", length=length), (name, 3))
    outcomes = {outcome.ticket.key: outcome for outcome in run(loop)}
    assert [key for key, outcome in outcomes.items() if outcome.error] == ["bad"]
    assert outcomes["far"].result == ("far", 3)
    assert [batch for batch in stage.batches if "far" in batch] == 3 * [["far", "fellow"]]


backlog = st.lists(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5)), min_size=8, max_size=12),
    min_size=2,
    max_size=4,
)


@given(backlog, st.integers(1, 6))
def test_step_loop_shares_are_within_one_batch_of_fair(
    users: list[list[tuple[int, int]]], batch: int
) -> None:
    stage = Counter()
    loop = make(stage, max_batch=batch, spread=9)
    lengths: dict[str, int] = {}
    for user, work in enumerate(users):
        for n, (length, steps) in enumerate(work):
            name = f"{user}/{n}"
            lengths[name] = length
            loop.submit(Ticket(name, str(user), length=length), (name, steps))
    waiting = [len(work) for work in users]
    served = [0 for _ in users]
    begun: set[str] = set()
    while loop.busy:
        loop.tick()
        for name in stage.batches[-1]:
            if name not in begun:
                begun.add(name)
                user = int(name.split("/")[0])
                served[user] += lengths[name]
                waiting[user] -= 1
        if not all(waiting):
            break
        assert max(served) - min(served) <= batch * max(lengths.values())


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 4), st.integers(1, 4))
def test_step_loop_gives_bulk_work_what_is_left(bulk: list[bool], batch: int, steps: int) -> None:
    stage = Counter()
    loop = make(stage, max_batch=batch)
    for n, is_bulk in enumerate(bulk):
        name = f"{'bulk' if is_bulk else 'live'}{n}"
        loop.submit(Ticket(name, f"u{n % 3}", index=n % 2, bulk=is_bulk), (name, steps))
    run(loop)
    order = list(dict.fromkeys(name for batch in stage.batches for name in batch))
    assert [name[:4] for name in order] == sorted((name[:4] for name in order), reverse=True)


@given(work, st.integers(1, 3), st.integers(1, 4), st.integers(0, 4))
def test_cancel_never_computes_the_item_again(
    drawn: list[tuple[str, int, int, str | None, bool]], groups: int, batch: int, after: int
) -> None:
    stage = Counter()
    loop = make(stage, max_groups=groups, max_batch=batch)
    cancelled: set[str] = set()
    for n, (user, length, steps, _, cancel) in enumerate(drawn):
        loop.submit(Ticket(str(n), user, index=n % 3, length=length), (str(n), steps))
        if cancel and n >= after:
            loop.cancel(str(n - after))
            cancelled.add(str(n - after))
        before = len(stage.batches)
        outcomes = loop.tick()
        computed = {name for batch in stage.batches[before:] for name in batch}
        assert not cancelled & (computed | {outcome.ticket.key for outcome in outcomes})
    before = len(stage.batches)
    outcomes = run(loop)
    computed = {name for batch in stage.batches[before:] for name in batch}
    assert not cancelled & (computed | {outcome.ticket.key for outcome in outcomes})


def test_what_waits_can_be_withdrawn_while_a_batch_is_computed() -> None:
    withdrawn: list[str] = []

    def compute(items: Sequence[str]) -> list[str]:
        if "first" in items:
            assert loop.withdraw("b") is not None
            assert loop.withdraw("a") is None, "it is computed"
            loop.submit(Ticket("d", "u"), "late")
        return [item.upper() for item in items]

    loop = StepLoop(OneShot(compute), Limits(max_batch=1), lambda: 0.0)
    for key, item in (("a", "first"), ("b", "second"), ("c", "third")):
        loop.submit(Ticket(key, "u"), item)
    while loop.busy:
        withdrawn += [outcome.result for outcome in loop.tick()]
    assert withdrawn == ["FIRST", "THIRD", "LATE"]


def test_loops_share_a_queue() -> None:
    queue: FairQueue[str] = FairQueue()
    loops = [
        StepLoop(OneShot(list), Limits(max_batch=1), lambda: 0.0, queue=queue) for _ in range(2)
    ]
    for key in "abc":
        loops[0].submit(Ticket(key, "u"), key)
    assert [each.result for loop in loops for each in loop.tick()] == ["a", "b"]
    assert [loop.waiting for loop in loops] == [1, 1]
    loops[1].cancel("c")
    assert not loops[0].busy


def test_the_tickets_that_are_worked_at_next() -> None:
    loop = StepLoop(OneShot(list), Limits(max_batch=1), lambda: 0.0)
    assert loop.next == []
    for key in "ab":
        loop.submit(Ticket(key, "u"), key)
    loop.admit()
    assert [ticket.key for ticket in loop.next] == ["a"]
    loop.advance()
    assert loop.next == []
