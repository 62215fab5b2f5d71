from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.models.foley.reading.courses import Course
from pipelines.models.foley.reading.descriptions import one_step, understand
from pipelines.models.foley.reading.orders import inverted


@pytest.mark.parametrize(
    ("prompt", "steps"),
    [
        ("First thunder, then rain", ["thunder", "rain"]),
        ("A knock followed by footsteps", ["knock", "footsteps"]),
        ("It starts with wind and ends with bells.", ["wind", "bells"]),
        ("1. thunder 2. rain", ["thunder", "rain"]),
        ("A bird sings now and then", ["a bird sings repeatedly"]),
        ("wind and rain", ["wind and rain"]),
        ("Birds at first, wind later", ["birds", "wind"]),
        ("first a whoosh, second a bang", ["whoosh", "bang"]),
        ("a knock, after which a dog barks", ["knock", "a dog barks"]),
    ],
)
def test_descriptions_steps_come_in_their_order(prompt: str, steps: list[str]) -> None:
    assert [step.whole.text for step in understand(prompt).steps] == steps


def test_descriptions_before_and_after_are_turned_round_once_both_are_known_to_be_sounds() -> None:
    assert inverted("thunder before rain") == ("thunder", "rain")
    assert inverted("footsteps after a gunshot") == ("a gunshot", "footsteps")
    assert inverted("a flash, preceded by a whistle") == ("a whistle", "a flash")
    assert inverted("a cat prior to a dog") == ("a cat", "a dog")
    assert inverted("following a bang, glass breaks") == ("a bang", "glass breaks")
    assert inverted("grasshoppers after dark") is None


@pytest.mark.parametrize(
    ("prompt", "negated", "parts"),
    [
        ("wind, no rain, no thunder", ("rain", "thunder"), ["wind"]),
        ("rain without wind or thunder", ("wind", "thunder"), ["rain"]),
        ("No thunder, just rain", ("thunder",), ["just rain"]),
        ("a clock but the alarm is not ringing", ("alarm ringing",), ["a clock"]),
        ("an owl, zero crickets", ("crickets",), ["an owl"]),
        ("rain that never stops", ("stops",), ["rain"]),
        ("no rain but a dog", ("rain",), ["a dog"]),
        ("rain, not thunder", ("thunder",), ["rain"]),
        ("rain, not too loud", (), ["rain"]),
        ("The dog is not barking, only crickets", ("dog barking",), ["only crickets"]),
        ("no rain", ("rain",), []),
    ],
)
def test_descriptions_what_is_negated_is_no_part(
    prompt: str, negated: tuple[str, ...], parts: list[str]
) -> None:
    description = understand(prompt)
    assert description.negated == negated
    assert [part.text for step in description.steps for part in step.parts] == parts
    assert description.is_empty is not bool(parts)


@pytest.mark.parametrize(
    ("prompt", "courses"),
    [
        ("rain getting louder and louder", (Course.UP,)),
        ("rain starts softly and becomes heavy", (Course.UP,)),
        ("a siren growing fainter", (Course.DOWN,)),
        ("wind, slowly fading away", (Course.FADE_OUT,)),
        ("applause fading in", (Course.FADE_IN,)),
        ("a siren that comes closer", (Course.NEARER,)),
        ("a motorcycle driving away", (Course.AWAY,)),
        ("a train passing by", (Course.PASSING,)),
        ("an engine starts and then stops", (Course.STOP, Course.START)),
        ("non-stop rain", ()),
        ("wind that comes and goes", (Course.TIDE,)),
        ("a heartbeat speeding up", (Course.FASTER,)),
        ("a music box slowing down", (Course.SLOWER,)),
        ("rain gets louder, then fades away", (Course.UP, Course.FADE_OUT)),
    ],
)
def test_descriptions_courses_belong_to_the_sound_before_them(
    prompt: str, courses: tuple[Course, ...]
) -> None:
    [step] = understand(prompt).steps
    assert set(step.parts[0].courses) == set(courses)


def test_descriptions_each_part_has_its_own_course_and_level() -> None:
    rain, wind = one_step("quiet rain, loud wind getting louder").parts
    assert rain.level < 0 < wind.level
    assert (rain.courses, wind.courses) == ((), (Course.UP,))


def test_descriptions_silence_is_a_step_with_its_length() -> None:
    first, pause, last = understand("a bell, then three seconds of silence, then a bell").steps
    assert first.parts
    assert last.parts
    assert (pause.parts, pause.seconds) == ((), 3.0)


@given(st.text(max_size=200))
def test_descriptions_any_text_has_steps(text: str) -> None:
    assert understand(text).steps
