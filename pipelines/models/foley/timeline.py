"""The steps of a description on the time line of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines.models.foley.segments import Layer
from pipelines.models.foley.synthesis.events import natural_seconds

LEAST_SHARE = 0.08
"""Of the clip, for each step."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The layers of one step; none is silence. `seconds` where the description names them."""

    layers: tuple[Layer, ...]
    seconds: float | None = None


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
    return 0.3 + max(natural_seconds(layer.kind, layer.count or 1) for layer in scene.layers)


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
