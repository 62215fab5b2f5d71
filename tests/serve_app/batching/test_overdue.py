from __future__ import annotations

from serve_app.batching.overdue import Overdue


def test_an_item_is_overdue_when_the_foreground_has_computed_for_so_long_beside_it() -> None:
    overdue = Overdue(patience=10)
    overdue.computed(100)
    overdue.arrived("first")
    overdue.computed(4)
    overdue.arrived("second")
    overdue.computed(5)
    assert overdue.take() == []
    overdue.computed(1)
    assert overdue.take() == ["first"]
    assert overdue.take() == [], "each is told of once"
    overdue.computed(4)
    assert overdue.take() == ["second"]


def test_what_has_left_is_not_overdue() -> None:
    overdue = Overdue(patience=10)
    for key in "abc":
        overdue.arrived(key)
    overdue.left("b")
    overdue.left("unknown")
    overdue.computed(10)
    assert overdue.take() == ["a", "c"]


def test_no_item_waits_for_longer_however_busy_the_foreground_is() -> None:
    overdue = Overdue(patience=10)
    waits = []
    since: dict[str, float] = {}
    for tick in range(200):
        overdue.arrived(str(tick))
        since[str(tick)] = 0.3 * tick
        overdue.computed(0.3)
        waits += [0.3 * (tick + 1) - since.pop(key) for key in overdue.take()]
    assert len(waits) > 150
    assert max(waits) < 10 + 0.3 + 1e-6
