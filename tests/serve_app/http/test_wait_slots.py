from __future__ import annotations

from contextlib import ExitStack

from serve_app.http.wait_slots import WAITING_AT_ONCE, WAITING_IN_ALL, Waiting


def test_many_users_together_leave_room_for_requests_that_do_not_wait() -> None:
    waiting = Waiting()
    with ExitStack() as stack:
        for number in range(WAITING_IN_ALL):
            user = f"user {number // WAITING_AT_ONCE}"
            assert stack.enter_context(waiting.place(user)), "each within their own share"
        with waiting.place("another") as may_wait:
            assert not may_wait
    with waiting.place("another") as may_wait:
        assert may_wait, "who has gone leaves the place to others"
