from __future__ import annotations

from contextlib import ExitStack

from serve_app.http.wait_slots import MAX_WAITING, MAX_WAITING_PER_USER, WaitSlots


def test_wait_slots_are_bounded_over_all_users() -> None:
    slots = WaitSlots()
    with ExitStack() as stack:
        for number in range(MAX_WAITING):
            user = f"user {number // MAX_WAITING_PER_USER}"
            assert stack.enter_context(slots.hold(user)), "each within their own share"
        with slots.hold("another") as may_wait:
            assert not may_wait
    with slots.hold("another") as may_wait:
        assert may_wait, "who has gone leaves the place to others"
