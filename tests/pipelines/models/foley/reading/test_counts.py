from __future__ import annotations

import pytest

from pipelines.models.foley.reading.counts import MOST, counted, is_many


@pytest.mark.parametrize(
    ("text", "rest", "count"),
    [
        ("two gunshots", "gunshots", 2),
        ("a dog barks three times", "a dog barks", 3),
        ("the phone rings twice", "the phone rings", 2),
        ("a single knock on a door", "a knock on a door", 1),
        ("a double knock", "a knock", 2),
        ("half a dozen loud pistol shots", "loud pistol shots", 6),
        ("a gunshot", "gunshot", 1),
        ("12 beeps", "beeps", 12),
        ("knock knock knock", "knock", 3),
        ("the church bell strikes five", "the church bell strikes", 5),
        ("two dogs barking", "two dogs barking", None),
        ("a heartbeat", "a heartbeat", None),
        ("two crystal glasses clink", "two crystal glasses clink", None),
        ("rain", "rain", None),
    ],
)
def test_counts_events_are_counted_and_sources_are_not(
    text: str, rest: str, count: int | None
) -> None:
    assert counted(text) == (rest, count)


def test_counts_number_that_is_too_large_is_no_count() -> None:
    assert counted(f"{MOST + 1} beeps")[1] is None
    assert counted("0 beeps")[1] is None


@pytest.mark.parametrize(
    ("text", "many"), [("gunfire", True), ("gunshots", True), ("a gunshot", False)]
)
def test_counts_signs_of_many(text: str, many: bool) -> None:
    assert is_many(text) is many
