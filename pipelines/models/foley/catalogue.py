"""Every kind of sound that can be made."""

from __future__ import annotations

from dataclasses import replace

from pipelines.models.foley.recorded.kinds import PLAYED, WITHOUT_EVENTS
from pipelines.models.foley.recorded.kinds import SOUNDS as RECORDED
from pipelines.models.foley.synthesis import animals, games, house, machines, music, people, weather
from pipelines.models.foley.synthesis.signals import Wave
from pipelines.models.foley.synthesis.sound import Draw, Sound

RULES: dict[str, Sound] = {
    sound.name: sound
    for family in (weather, animals, people, house, machines, games, music)
    for sound in family.SOUNDS
}
"""Those that can be computed, by name."""


def _played(rule: Sound) -> Sound:
    """The rule's kind from recordings. What goes on without single events leaves these to the
    rule."""
    play = PLAYED[rule.name]

    def render(draw: Draw) -> Wave:
        by_rule = draw.times is not None and rule.name in WITHOUT_EVENTS
        return rule.render(draw) if by_rule else play(draw)

    return replace(rule, render=render)


SOUNDS: dict[str, Sound] = {
    name: _played(rule) if name in PLAYED else rule for name, rule in RULES.items()
} | {sound.name: sound for sound in RECORDED}
"""By name; those of which there are good recordings play these."""
