"""Sizes that follow from a request, and what is refused before any model runs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.protocol import InvalidInput
from pipelines.requests.sound import (
    HOP,
    LATENT_FRAMES,
    LONGEST_SECONDS,
    SoundRequest,
    check,
    latent_width,
    missing_samples,
    visited_levels,
)
from tests.pipelines.models.makeanaudio.goldens import full_keys


def test_sound_request_every_listed_duration() -> None:
    for line in full_keys()["duration_table"]:
        seconds = line["duration_s"]
        samples = latent_width(seconds) * LATENT_FRAMES * HOP
        assert latent_width(seconds) == line["latent_width"]
        assert samples == line["vocoder_samples"]
        assert missing_samples(seconds) == line["pad_each_side"]
        assert samples + 2 * missing_samples(seconds) == line["samples_returned_by_reference"]


@pytest.mark.parametrize(
    ("steps", "levels"),
    [
        (1, [1]),
        (10, [1, 101, 201, 301, 401, 501, 601, 701, 801, 901]),
        (11, [1, *range(91, 1000, 90)]),
        (100, list(range(1, 1000, 10))),
        (500, list(range(1, 1000, 2))),
    ],
)
def test_sound_request_levels_of_the_schedule(steps: int, levels: list[int]) -> None:
    assert visited_levels(steps) == levels


IMPOSSIBLE = {3, 9, 27, 36, 37, *range(101, 112), *range(251, 334), *range(501, 1001)}


@given(st.integers(-5, 1100))
def test_sound_request_steps_that_would_leave_the_schedule_are_refused(steps: int) -> None:
    if 0 < steps <= 1000 and steps not in IMPOSSIBLE:
        levels = visited_levels(steps)
        assert len(levels) >= steps
        assert levels == sorted(set(levels))
        assert levels[-1] < 1000
    else:
        with pytest.raises(InvalidInput) as caught:
            visited_levels(steps)
        assert caught.value.field == "steps"


@given(st.floats(0.52, LONGEST_SECONDS))
def test_sound_request_network_can_halve_every_width(seconds: float) -> None:
    check(SoundRequest("rain", seconds))
    assert latent_width(seconds) % 4 == 0
    assert latent_width(seconds) >= 4


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seconds", 0),
        ("seconds", -1),
        ("seconds", 0.1),
        ("seconds", 301),
        ("seconds", math.nan),
        ("seconds", math.inf),
        ("guidance", math.nan),
        ("guidance", math.inf),
        ("steps", 0),
        ("steps", 1000),
    ],
)
def test_sound_request_impossible_requests_name_the_field(field: str, value: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(replace(SoundRequest("rain"), **{field: value}))
    assert caught.value.field == field


def test_sound_request_shortest_sound_is_told_truly() -> None:
    with pytest.raises(InvalidInput, match=r"between 0\.129 and 300 seconds"):
        check(SoundRequest("rain", 0.128))
    check(SoundRequest("rain", 0.129))
