from __future__ import annotations

import pytest

from pipelines.models.foley.reading.counts import MOST, counted, is_many, sources


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
        ("dog barks x2", "dog barks", 2),
        ("2x gunshot", "gunshot", 2),
        ("gunshot (twice)", "gunshot", 2),
        ("a clap, repeated six times", "a clap,", 6),
        ("a cow moos three separate times", "a cow moos", 3),
        ("two bleats of a sheep", "bleats of a sheep", 2),
        ("one or two knocks", "knocks", 2),
        ("another gunshot", "gunshot", 1),
        ("shotgun blast", "shotgun blast", 1),
        ("short whistle blast by a referee", "short whistle blast by a referee", 1),
        ("two dogs bark", "two dogs bark", None),
        ("people clap", "people clap", None),
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
    ("text", "many"),
    [
        ("gunfire", True),
        ("gunshots", True),
        ("a gunshot", False),
        ("a door slams shut", False),
        ("somebody burps", False),
        ("the loud bangs", True),
    ],
)
def test_counts_signs_of_many(text: str, many: bool) -> None:
    assert is_many(text) is many


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("three doors slamming", 3),
        ("2 old windows shatter", 2),
        ("a door", None),
        ("rain", None),
        ("5 seconds of rain", None),
        ("one door", None),
    ],
)
def test_counts_sources_are_the_things_that_sound(text: str, number: int | None) -> None:
    assert sources(text) == number
