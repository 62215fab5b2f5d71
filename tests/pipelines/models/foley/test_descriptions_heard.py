"""Every seventh row of the benchmark's table that needs no trained listener, by what is heard."""

from __future__ import annotations

import pytest

from benchmarks.sounds.descriptions import Maker, Row, judges, rows, wrong
from pipelines import registry
from pipelines.settings import PipelineSettings

SETTINGS = PipelineSettings()
JUDGES = judges(SETTINGS, None)
HEARD = [row for row in rows() if row.group in (*JUDGES, "unknown")][::7]


@pytest.fixture(scope="module")
def maker() -> Maker:
    registry.fetch("foley", SETTINGS)
    return Maker(SETTINGS)


def test_foley_does_what_nine_of_ten_descriptions_say(maker: Maker) -> None:
    faults = {row.prompt: wrong(maker.make(row), row, JUDGES) for row in HEARD}
    faults = {prompt: fault for prompt, fault in faults.items() if fault}
    assert len(faults) <= 0.1 * len(HEARD), faults


@pytest.mark.parametrize(
    "row",
    [
        Row("count", "two gunshots", 6, "2"),
        Row("single", "a gunshot", 20, "1"),
        Row("course", "rain getting louder and louder", 10, "up"),
        Row("course", "a train passing by", 10, "peak"),
        Row("level", "very quiet rain", 6, "quiet"),
        Row("unknown", "democracy in ancient Athens", 6, "note"),
        Row("unknown", "Ein Hund bellt im Hof", 6, "refused"),
        Row("unknown", "silence", 6, "refused"),
        Row("level", "soft rain in the background", 6, "quiet"),
    ],
    ids=lambda row: row.prompt,
)
def test_foley_description_is_heard_in_the_sound(maker: Maker, row: Row) -> None:
    assert wrong(maker.make(row), row, JUDGES) == ""
