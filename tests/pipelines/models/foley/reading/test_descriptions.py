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
        ("(1) knock (2) rain", ["knock", "rain"]),
        ("Step 1: rain, step 2: wind", ["rain", "wind"]),
        ("Start: wind. Middle: rain. End: birds.", ["wind", "rain", "birds"]),
        ("first: rain; second: thunder", ["rain", "thunder"]),
        ("knock → footsteps", ["knock", "footsteps"]),
        ("a dog barks. In response, a cat meows.", ["a dog barks", "a cat meows"]),
        ("A cat meows, and a dog barks in response", ["a cat meows", "a dog barks"]),
        ("crowd applauds, organ plays afterwards", ["crowd applauds", "organ plays"]),
        ("rain at the start, birds at the end", ["rain", "birds"]),
        ("wind; suddenly a bell", ["wind", "a bell"]),
        ("wind, interrupted by a bell", ["wind", "a bell"]),
        ("wind culminating in a bell", ["wind", "a bell"]),
        ("thunder triggering a siren", ["thunder", "a siren"]),
        ("a gunshot after 4 seconds of silence", ["silence", "gunshot"]),
        ("a bang, then another", ["bang", "bang"]),
        ("quiet rain, then loud", ["quiet rain", "loud rain"]),
        ("rain fading into silence", ["rain"]),
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
    assert inverted("after a drum roll comes a crash") == ("a drum roll", "a crash")
    assert inverted("when the kettle whistles, steps") == ("the kettle whistles", "steps")
    assert inverted("applause erupts as the organ stops") == ("the organ stops", "applause erupts")
    assert inverted("rain follows thunder") == ("thunder", "rain")
    assert inverted("as rain falls, thunder rolls") is None


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
        ("fire sans crickets", ("crickets",), ["fire"]),
        ("rain w/o thunder", ("thunder",), ["rain"]),
        ("thunder-free rain", ("thunder",), ["rain"]),
        ("wind with the rain left out", ("rain",), ["wind"]),
        ("applause, laughter excluded", ("laughter",), ["applause"]),
        ("thunder; skip the rain and wind", ("rain", "wind"), ["thunder"]),
        ("rain without thunder, wind or birds", ("thunder", "wind", "birds"), ["rain"]),
        ("no thunder, rain and wind", ("thunder",), ["rain", "wind"]),
        ("rain that isn't accompanied by thunder", ("thunder",), ["rain"]),
        ("birds, leave the dog out", ("dog",), ["birds"]),
        ("rain -thunder", ("thunder",), ["rain"]),
        ("a quiet but not silent stream", (), ["a quiet stream"]),
        ("without any sound", ("sound",), []),
        ("🚪", (), []),
        ("?!", (), []),
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
        ("rain starts as a drizzle and turns into a downpour", (Course.UP,)),
        ("from a whisper to a roar: wind", (Course.UP,)),
        ("loud to quiet applause", (Course.DOWN,)),
        ("sirens growing ever more distant", (Course.AWAY,)),
        ("a train pulling away", (Course.AWAY,)),
        ("a fire, dying to nothing", (Course.FADE_OUT,)),
        ("a fan switching off", (Course.STOP,)),
        ("abrupt stop of a drill", (Course.STOP,)),
        ("the drill is turned on and then off", (Course.START, Course.STOP)),
        ("a motor revs up and then dies", (Course.UP, Course.FADE_OUT)),
        ("footsteps start slow, then run", (Course.FASTER,)),
        ("volume rising: waterfall", (Course.UP,)),
        ("crickets gradually going silent", (Course.DOWN,)),
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


@pytest.mark.parametrize(
    ("prompt", "level"),
    [
        ("a heart beating almost inaudibly", -18),
        ("crickets at a low level", -12),
        ("subtle wind", -10),
        ("a siren, not loud at all", -10),
        ("birds, not too loud", 0),
        ("a dog at the top of its lungs", 5),
        ("max volume horn", 5),
        ("a loud horn", 4),
    ],
)
def test_descriptions_levels_are_read_in_many_words(prompt: str, level: float) -> None:
    [step] = understand(prompt).steps
    assert [part.level for part in step.parts] == [level]


def test_descriptions_tags_lines_and_pictures_are_no_words() -> None:
    [step] = understand("<p>Rain <b>here</b></p>\n- wind &amp; hail 🌧️ <up>").steps
    assert [part.text for part in step.parts] == ["rain here", "wind", "hail"]
    assert step.whole.courses == ()


def test_descriptions_events_alone_count_what_was_named_before() -> None:
    [step] = understand("kick drum, one hit").steps
    assert [(part.text, part.count) for part in step.parts] == [("kick drum", 1)]


def test_descriptions_manner_of_an_event_is_no_sound_of_its_own() -> None:
    [step] = understand("the door falls shut with a bang").steps
    assert [part.text for part in step.parts] == ["the door falls shut"]


def test_descriptions_words_tell_what_sounds_beside_something_else() -> None:
    [step] = understand("a gunshot while a dog barks, a bell").steps
    assert [part.beside for part in step.parts] == [False, True, False]


@given(st.text(max_size=200))
def test_descriptions_any_text_has_steps(text: str) -> None:
    assert understand(text).steps
