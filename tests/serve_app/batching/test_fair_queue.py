from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.batching.fair_queue import FairQueue, Ticket


def drain(queue: FairQueue[str], now: float = 0.0) -> list[str]:
    order = []
    while (waiting := queue.pop(now)) is not None:
        order.append(waiting.ticket.key)
    return order


def test_pop_takes_first_segments_then_later_ones_then_bulk() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.push(Ticket("bulk", "a", bulk=True), "", 0)
    queue.push(Ticket("later", "a", index=1), "", 0)
    queue.push(Ticket("first", "a"), "", 0)
    assert drain(queue) == ["first", "later", "bulk"]


def test_pop_alternates_between_users() -> None:
    queue: FairQueue[str] = FairQueue()
    for n in range(4):
        queue.push(Ticket(f"a{n}", "a"), "", 0)
    queue.push(Ticket("b0", "b"), "", 0)
    queue.push(Ticket("c0", "c"), "", 0)
    assert drain(queue) == ["a0", "b0", "c0", "a1", "a2", "a3"]


def test_pop_gives_no_credit_for_submitting_one_at_a_time() -> None:
    queue: FairQueue[str] = FairQueue()
    for n in range(3):
        queue.push(Ticket(f"b{n}", "b", length=10), "", 0)
    order = []
    for n in range(3):
        queue.push(Ticket(f"a{n}", "a", length=30), "", 0)
        for _ in range(2):
            waiting = queue.pop(0)
            assert waiting is not None
            order.append(waiting.ticket.key)
    assert order.index("b2") < order.index("a1")


def test_max_wait_lifts_later_and_bulk_work() -> None:
    queue: FairQueue[str] = FairQueue(max_wait=10)
    queue.push(Ticket("bulk", "a", bulk=True), "", 0)
    queue.push(Ticket("fresh", "a"), "", 10)
    first = queue.pop(10)
    assert first is not None
    assert first.ticket.key == "bulk"


def test_remove_takes_out_one_item_only() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.push(Ticket("a", "u"), "item", 0)
    queue.push(Ticket("b", "u"), "", 0)
    removed = queue.remove("a")
    assert removed is not None
    assert (removed.item, removed.ticket.user) == ("item", "u")
    assert queue.remove("a") is None
    assert drain(queue) == ["b"]


tickets = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(1, 9), st.booleans()),
    max_size=60,
)


@given(tickets)
def test_fair_queue_loses_and_repeats_nothing(drawn: list[tuple[str, int, int, bool]]) -> None:
    queue: FairQueue[str] = FairQueue()
    for n, (user, index, length, bulk) in enumerate(drawn):
        queue.push(Ticket(str(n), user, index, length, bulk), "", n)
    assert len(queue) == len(drawn)
    assert sorted(drain(queue, 1e9), key=int) == [str(n) for n in range(len(drawn))]
    assert len(queue) == 0


@given(st.lists(st.integers(1, 9), min_size=20, max_size=40), st.integers(2, 4))
def test_fair_queue_shares_differ_by_less_than_one_item(lengths: list[int], users: int) -> None:
    queue: FairQueue[str] = FairQueue()
    for user in range(users):
        for n, length in enumerate(lengths):
            queue.push(Ticket(f"{user}-{n}", str(user), length=length), "", 0)
    served: Counter[str] = Counter()
    left = {str(user): len(lengths) for user in range(users)}
    while min(left.values()) > 0:
        waiting = queue.pop(0)
        assert waiting is not None
        served[waiting.ticket.user] += waiting.ticket.length
        left[waiting.ticket.user] -= 1
        assert max(served.values()) - min(served[u] for u in left) <= 2 * max(lengths)


def filled(drawn: list[tuple[str, int, int, bool]]) -> FairQueue[str]:
    queue: FairQueue[str] = FairQueue()
    for n, (user, index, length, bulk) in enumerate(drawn):
        queue.push(Ticket(str(n), user, index, length, bulk), "", n)
    return queue


@given(tickets, st.integers(0, 20), st.integers(1, 9))
def test_pop_takes_the_first_that_fits(
    drawn: list[tuple[str, int, int, bool]], served: int, longest: int
) -> None:
    queue = filled(drawn)
    left = {str(n): Ticket(str(n), *each) for n, each in enumerate(drawn)}
    given_to: Counter[str] = Counter()
    for _ in range(min(served, len(drawn))):
        waiting = queue.pop(0)
        assert waiting is not None
        ticket = left.pop(waiting.ticket.key)
        given_to[ticket.user] += ticket.length
    waiting = queue.pop(0, lambda ticket: ticket.length <= longest)
    fitting = [ticket for ticket in left.values() if ticket.length <= longest]
    fitting.sort(key=lambda ticket: (ticket.lane, given_to[ticket.user], int(ticket.key)))
    assert (waiting.ticket if waiting else None) == (fitting[0] if fitting else None)
    assert len(queue) == len(left) - bool(fitting)


@given(st.permutations("abcdef"))
def test_pop_breaks_ties_by_age(users: list[str]) -> None:
    queue: FairQueue[str] = FairQueue()
    for user in users:
        queue.push(Ticket(user, user), "", 0)
    assert drain(queue) == users


@given(tickets)
def test_pop_keeps_the_order_within_a_lane(
    drawn: list[tuple[str, int, int, bool]],
) -> None:
    order = [int(key) for key in drain(filled(drawn))]
    kinds = {(user, bulk or None, index > 0 and not bulk) for user, index, _, bulk in drawn}
    for kind in kinds:
        same = [
            n
            for n in order
            if (drawn[n][0], drawn[n][3] or None, drawn[n][1] > 0 and not drawn[n][3]) == kind
        ]
        assert same == sorted(same)


@given(tickets)
def test_fair_queue_serves_lanes_in_order(
    drawn: list[tuple[str, int, int, bool]],
) -> None:
    lanes = [Ticket("", *drawn[int(key)]).lane for key in drain(filled(drawn))]
    assert lanes == sorted(lanes)


@given(st.integers(1, 9), st.lists(st.integers(1, 9), min_size=1), st.booleans())
def test_max_wait_bounds_starvation(length: int, stream: list[int], bulk: bool) -> None:
    """New first segments of other users keep arriving; later and bulk work still gets its turn."""
    queue: FairQueue[str] = FairQueue(max_wait=10)
    queue.push(Ticket("old", "patient", index=1, length=length, bulk=bulk), "", 0)
    for now, next_length in zip(range(40), itertools.cycle(stream), strict=False):
        queue.push(Ticket(str(now), f"u{now}", length=next_length), "", now)
        waiting = queue.pop(now)
        assert waiting is not None
        if waiting.ticket.key == "old":
            assert now >= 10
            return
    pytest.fail("the old one is starved")
