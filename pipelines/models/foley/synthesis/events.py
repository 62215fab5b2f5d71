"""Kinds that are made of single events: how long one lasts, and how far apart two are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipelines.models.foley.synthesis.signals import Rng
from pipelines.models.foley.synthesis.sound import between


@dataclass(frozen=True, slots=True)
class Events:
    """`seconds` of one event until it is hardly heard, and the `gap` from one to the next."""

    seconds: float
    gap: float
    once: bool = False
    """Whether a description that does not say otherwise means one: "glass breaking"."""


EVENTS: dict[str, Events] = {
    "birds": Events(0.2, 0.5),
    "frogs": Events(0.3, 0.6),
    "dog": Events(0.2, 0.6),
    "cat": Events(0.9, 1.3),
    "owl": Events(0.5, 1.2),
    "crow": Events(0.4, 0.8),
    "wolf": Events(3.5, 4.2),
    "crickets": Events(0.15, 0.5),
    "thunder": Events(3.5, 4.0),
    "dripping": Events(0.15, 0.6),
    "footsteps": Events(0.15, 0.55),
    "gravel": Events(0.2, 0.6),
    "applause": Events(0.05, 0.45),
    "heartbeat": Events(0.5, 0.9),
    "snoring": Events(2.2, 3.0),
    "whistling": Events(0.4, 0.8),
    "laughter": Events(0.2, 0.4),
    "clock": Events(0.05, 0.6),
    "knocking": Events(0.15, 0.45),
    "creaking": Events(1.6, 2.4),
    "doorbell": Events(1.8, 2.4, once=True),
    "telephone": Events(1.6, 2.4),
    "alarm_clock": Events(0.1, 0.4),
    "typing": Events(0.1, 0.35),
    "glass": Events(1.2, 1.8, once=True),
    "coins": Events(1.0, 1.5),
    "clinking": Events(0.6, 0.9),
    "horn": Events(0.4, 0.8),
    "steam_whistle": Events(1.7, 2.2),
    "foghorn": Events(2.8, 3.6),
    "laser": Events(0.3, 0.5),
    "explosion": Events(2.5, 2.6, once=True),
    "gunshot": Events(0.5, 0.8, once=True),
    "whoosh": Events(0.7, 1.0, once=True),
    "coin_pickup": Events(0.5, 0.8, once=True),
    "robot": Events(0.15, 0.4),
    "sonar": Events(1.5, 1.9),
    "geiger": Events(0.02, 0.35),
    "church_bell": Events(2.5, 1.8),
    "hand_bell": Events(0.6, 0.7),
    "gong": Events(3.5, 3.0, once=True),
    "kick": Events(0.3, 0.6),
    "snare": Events(0.25, 0.5),
    "hi_hat": Events(0.1, 0.4),
    "cymbal": Events(2.2, 2.0, once=True),
    "tom": Events(0.3, 0.5),
    "marimba": Events(0.5, 0.6),
    "music_box": Events(0.8, 0.6),
    "guitar": Events(1.0, 0.8),
    "flute": Events(0.6, 1.0),
    "organ": Events(1.0, 1.4),
    "cow": Events(1.9, 2.4),
    "horse": Events(1.6, 2.2),
    "sheep": Events(0.7, 1.1),
    "pig": Events(0.3, 0.6),
    "rooster": Events(2.3, 2.8),
    "duck": Events(0.35, 0.6),
    "door": Events(1.0, 1.5, once=True),
    "cash_register": Events(1.8, 2.2, once=True),
    "burp": Events(0.6, 1.2, once=True),
    "finger_snap": Events(0.2, 0.6),
    "referee_whistle": Events(0.4, 0.9),
    "record_scratch": Events(1.2, 1.6, once=True),
    "cowbell": Events(0.3, 0.6),
    "bongos": Events(0.3, 0.5),
    "castanets": Events(0.06, 0.35),
    "tambourine": Events(0.3, 0.5),
    "triangle": Events(1.5, 1.2),
    "maracas": Events(0.1, 0.4),
    "woodblock": Events(0.25, 0.5),
    "timpani": Events(1.2, 1.2),
    "piano": Events(1.2, 0.8),
    "violin": Events(0.7, 1.0),
    "cello": Events(0.8, 1.1),
    "strings": Events(1.2, 1.6),
    "trumpet": Events(0.6, 0.9),
    "saxophone": Events(0.6, 0.9),
    "harp": Events(0.9, 0.7),
    "accordion": Events(0.7, 1.0),
    "banjo": Events(0.7, 0.5),
    "bagpipe": Events(0.8, 1.1),
    "choir": Events(1.2, 1.6),
}
OTHER = Events(1.2, 2.0)
"""Of a kind that goes on: a count cuts it into bursts."""
FIRST_SECONDS = 0.15


GOING_ON = frozenset(
    {"birds", "frogs", "crickets", "dripping", "applause", "heartbeat", "snoring", "clock"}
    | {"typing", "geiger", "music_box", "marimba", "guitar", "flute", "organ", "piano", "violin"}
    | {"cello", "strings", "trumpet", "saxophone", "harp", "accordion", "banjo", "bagpipe", "choir"}
)
"""Of these, the ones that are a background where nothing else is said."""


def in_sequence(kind: str) -> bool:
    """Whether a kind named beside counted events is one more of them, before or after the rest."""
    return kind in EVENTS and kind not in GOING_ON


def events_of(kind: str) -> Events:
    """Those of a kind by name; `OTHER` for a sound that goes on."""
    return EVENTS.get(kind, OTHER)


def natural_seconds(kind: str, count: int) -> float:
    """Seconds that `count` events take at their usual gap."""
    events = events_of(kind)
    return FIRST_SECONDS + (count - 1) * events.gap + events.seconds


def event_times(rng: Rng, kind: str, count: int, seconds: float, speed: float) -> list[float]:
    """When `count` events start, in seconds, sorted; closer together where there is no room.
    `speed` is a trait from -1 to 1."""
    events = events_of(kind)
    first = min(FIRST_SECONDS, 0.1 * seconds)
    if count == 1:
        return [first]
    room = max(0.3 * seconds, seconds - first - events.seconds)
    gap = min(events.gap * between(-speed, 0.65, 1.5), 0.97 * room / (count - 1))
    jitter = rng.uniform(-0.04, 0.04, count) * gap
    return [first + number * gap + float(jitter[number]) for number in range(count)]


def tempo_times(kind: str, seconds: float, ratio: float) -> list[float]:
    """When events start, in seconds, that fill the time; the last gap is the first one times
    `ratio`."""
    gap = events_of(kind).gap
    times, time = [], min(FIRST_SECONDS, 0.1 * seconds)
    while time < seconds - 0.05:
        times.append(time)
        time += max(0.08, gap * ratio ** (time / seconds - 0.5))
    return times


def bursts(times: Sequence[float], seconds: float) -> list[tuple[float, float]]:
    """Start and end of each burst of a sound that goes on, in seconds."""
    gap = min((b - a for a, b in pairwise(times)), default=2 * OTHER.seconds)
    return [(time, min(time + 0.6 * gap, seconds)) for time in times]
