"""The steps of a description on the time line of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines.models.foley.reading.courses import Course
from pipelines.models.foley.segments import Layer
from pipelines.models.foley.synthesis.events import natural_seconds
from pipelines.models.foley.synthesis.sound import DISTANCE, INTENSITY, SPEED

PAUSE, SHORTEST_STEP = 0.3, 1.2
"""Seconds: after counted events, and of a step that has some."""
LEAST_SHARE = 0.08
"""Of the clip, for each step."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The layers of one step; none is silence. `seconds` where the description names them."""

    layers: tuple[Layer, ...]
    seconds: float | None = None


def joined(scenes: Sequence[Scene]) -> list[Scene]:
    """The scenes, those of one kind that follow each other as one that changes: light rain, then
    heavy rain."""
    kept: list[Scene] = []
    for scene in scenes:
        course = _change(kept[-1], scene) if kept else None
        if course is None:
            kept.append(scene)
            continue
        [before] = kept[-1].layers
        [after] = scene.layers
        level = max(before.level, after.level)
        traits = {it: end for it, end in before.traits.items() if after.traits.get(it) == end}
        if course in _STRENGTHS:
            traits[INTENSITY] = 1
        layer = replace(before, traits=traits, level=level, courses=(course,))
        kept[-1] = Scene((layer,))
    return kept


def _change(before: Scene, after: Scene) -> Course | None:
    """What becomes of a sound that both have and that has no events to be counted out."""
    if len(before.layers) != 1 or len(after.layers) != 1 or before.seconds or after.seconds:
        return None
    [one], [other] = before.layers, after.layers
    if one.kind != other.kind or one.count or other.count or one.courses or other.courses:
        return None
    stronger = _strength(other) - _strength(one)
    faster = other.traits.get(SPEED, 0) - one.traits.get(SPEED, 0)
    if stronger:
        return Course.UP if stronger > 0 else Course.DOWN
    if faster:
        return Course.FASTER if faster > 0 else Course.SLOWER
    nearer = one.traits.get(DISTANCE, 0) - other.traits.get(DISTANCE, 0)
    if nearer:
        return Course.NEARER if nearer > 0 else Course.AWAY
    return None


def _strength(layer: Layer) -> float:
    return layer.traits.get(INTENSITY, 0) + layer.level / 6


_STRENGTHS = (Course.UP, Course.DOWN)


def on_time_line(scenes: Sequence[Scene], seconds: float) -> tuple[Layer, ...]:
    """All layers with their start and end, one scene after the other.

    Counted events take the time that they need, and what goes on shares the rest.
    """
    if len(scenes) == 1 and scenes[0].seconds is None:
        return scenes[0].layers
    shares = _shares([_wanted(scene) for scene in scenes], seconds)
    placed, start = [], 0.0
    for scene, share in zip(scenes, shares, strict=True):
        placed += [replace(it, start=start, end=min(1.0, start + share)) for it in scene.layers]
        start += share
    return tuple(placed)


def _wanted(scene: Scene) -> float | None:
    """Seconds that a scene needs, None where it fills what there is."""
    if scene.seconds is not None:
        return scene.seconds
    if not scene.layers or any(layer.count is None for layer in scene.layers):
        return None
    events = max(natural_seconds(layer.kind, layer.count or 1) for layer in scene.layers)
    return max(SHORTEST_STEP, PAUSE + events)


def _shares(wanted: Sequence[float | None], seconds: float) -> list[float]:
    """Shares of a clip of `seconds`, which add up to at most 1."""
    open_ended = sum(each is None for each in wanted)
    fixed = sum(each for each in wanted if each is not None)
    # What goes on keeps at least an equal share of the clip.
    room = seconds * (1 - open_ended / len(wanted))
    scale = min(1.0, room / fixed) if fixed else 1.0
    rest = (seconds - scale * fixed) / open_ended if open_ended else 0.0
    shares = [(rest if each is None else scale * each) / seconds for each in wanted]
    least = min(LEAST_SHARE, 1 / len(wanted))
    raised = [max(least, share) for share in shares]
    return [share / max(1.0, sum(raised)) for share in raised]
