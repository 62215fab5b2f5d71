from __future__ import annotations

import pytest

from pipelines.models.foley.reading.courses import Course
from pipelines.models.foley.segments import Layer
from pipelines.models.foley.synthesis.events import event_times, natural_seconds
from pipelines.models.foley.timeline import Scene, joined, on_time_line

RAIN, SHOT = Layer("rain", {}), Layer("gunshot", {}, count=2)


def test_timeline_one_scene_has_the_whole_clip() -> None:
    assert on_time_line([Scene((RAIN,))], 10) == (RAIN,)


def test_timeline_counted_events_take_their_time_and_the_rest_is_filled() -> None:
    shots, rain = on_time_line([Scene((SHOT,)), Scene((RAIN,))], 10)
    assert shots.end * 10 == pytest.approx(natural_seconds("gunshot", 2) + 0.3)
    assert (rain.start, rain.end) == (shots.end, pytest.approx(1))


def test_timeline_silence_of_a_named_length_parts_two_sounds() -> None:
    first, second = on_time_line([Scene((RAIN,)), Scene((), 2.0), Scene((RAIN,))], 10)
    assert (first.end, second.start) == (pytest.approx(0.4), pytest.approx(0.6))


@pytest.mark.parametrize("seconds", [0.5, 3.0, 300.0])
def test_timeline_no_scene_is_left_out_however_short_the_clip(seconds: float) -> None:
    layers = on_time_line([Scene((SHOT,)), Scene((RAIN,)), Scene((SHOT,))], seconds)
    assert len(layers) == 3
    assert all(0 <= layer.start < layer.end <= 1 for layer in layers)
    assert layers[0].end <= layers[1].start + 1e-9
    assert layers[1].end <= layers[2].start + 1e-9


def test_event_times_fit_into_the_clip() -> None:
    import numpy as np

    for count in (1, 2, 7, 60):
        times = event_times(np.random.default_rng(0), "gunshot", count, 2.0, 0.0)
        assert len(times) == count
        assert times == sorted(times)
        assert times[0] >= 0
        assert times[-1] < 2.0


@pytest.mark.parametrize(
    ("before", "after", "course"),
    [
        ({}, {"intensity": 1}, Course.UP),
        ({"intensity": 1}, {"intensity": -1}, Course.DOWN),
        ({"speed": -1}, {"speed": 1}, Course.FASTER),
        ({"distance": 1}, {"distance": -1}, Course.NEARER),
    ],
)
def test_timeline_one_kind_twice_is_one_sound_that_changes(
    before: dict[str, int], after: dict[str, int], course: Course
) -> None:
    [scene] = joined([Scene((Layer("rain", before),)), Scene((Layer("rain", after),))])
    assert scene.layers[0].courses == (course,)


def test_timeline_other_sounds_stay_apart() -> None:
    for others in (
        [Scene((RAIN,)), Scene((RAIN,))],
        [Scene((SHOT,)), Scene((SHOT,))],
        [Scene((RAIN,)), Scene(()), Scene((RAIN,))],
        [Scene((RAIN,)), Scene((Layer("wind", {"intensity": 1}),))],
    ):
        assert joined(others) == others
