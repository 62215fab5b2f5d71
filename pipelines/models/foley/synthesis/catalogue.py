"""Every kind of sound that can be made."""

from __future__ import annotations

from pipelines.models.foley.synthesis import animals, games, house, machines, music, people, weather
from pipelines.models.foley.synthesis.sound import Sound

SOUNDS: dict[str, Sound] = {
    sound.name: sound
    for family in (weather, animals, people, house, machines, games, music)
    for sound in family.SOUNDS
}
"""By name."""
