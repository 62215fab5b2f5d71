from __future__ import annotations

import pytest

from benchmarks.sounds.descriptions import rows
from benchmarks.sounds.prompts import PROMPTS
from pipelines.models.foley.catalogue import SOUNDS
from pipelines.models.foley.reading.languages import other_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ein Hund bellt im Hof", "German"),
        ("la pluie et le tonnerre", "French"),
        ("un perro ladrando en la calle", "Spanish"),
        ("pioggia e vento nella notte", "Italian"),
        ("Glocken läuten in der Ferne", "German"),
        ("Hundegebell", "German"),
        ("un coup de feu", "French"),
        ("un bebé llorando", "Spanish"),
        ("hund som skäller", "Swedish"),
        ("koira haukkuu", "Finnish"),
        ("Tiếng mưa rơi", "another language"),
        ("犬が吠える", "another script than the Latin one"),
    ],
)
def test_languages_what_is_not_english_is_named(text: str, language: str) -> None:
    assert other_language(text) == language


def test_languages_english_is_left_alone() -> None:
    english = [prompt for prompts in PROMPTS.values() for prompt in prompts]
    english += [phrase for sound in SOUNDS.values() for phrase in sound.phrases]
    english += [row.prompt for row in rows() if row.expected != "refused"]
    english += ["a café in Paris", "🎉", "", "asdf", "fire in la casa", "a fire sans crickets"]
    english += ["rain in São Paulo", "bells of Notre Dame", "mariachi trumpet in El Paso"]
    english += ["I've a tram in Vienna, met by the crowd", "Das Boot: sonar ping in the deep"]
    assert {text: other_language(text) for text in english if other_language(text)} == {}
