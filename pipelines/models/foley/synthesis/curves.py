"""The course of a sound in time, as gains over its samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.models.foley.reading.courses import Course
from pipelines.models.foley.synthesis.signals import SAMPLE_RATE, Wave, filtered, lowpass

QUIETEST = -30.0
"""dB at the soft end of what gets louder or quieter."""
FAR, FAR_CUT = -26.0, 900.0
"""dB, and Hz of the lowpass, of what is far away before it comes near."""
STARTS_AT, STOPS_AT = 0.35, 0.6
"""Shares of the time."""
FAST, SLOW = 0.25, 4.0
"""How the gap between events changes from the first to the last."""
TIDES = 2

_MOVING = (Course.NEARER, Course.AWAY, Course.PASSING)


def shaped_by(wave: Wave, courses: Sequence[Course]) -> Wave:
    """The wave, as long as before, with its courses. Those of the level share the time, in their
    order; start and stop hold for all of it."""
    count = len(wave)
    levels = [it for it in courses if it in _DECIBELS or it in (Course.FADE_IN, Course.FADE_OUT)]
    if Course.PASSING in levels:
        levels = [it for it in levels if it not in (Course.NEARER, Course.AWAY)]
    if Course.NEARER in levels and Course.AWAY in levels:
        levels = [Course.PASSING]
    gain, nearness = np.ones(count), np.ones(count)
    for number, course in enumerate(levels):
        part = slice(count * number // len(levels), count * (number + 1) // len(levels))
        t = np.linspace(0, 1, part.stop - part.start)
        gain[part] = _gain(course, t)
        if course in _MOVING:
            nearness[part] = _nearness(course, t)
    if nearness.min() < 1:
        wave = nearness * wave + (1 - nearness) * filtered(wave, lowpass(FAR_CUT, 1))
    result: Wave = wave * gain * _gate(count, courses)
    return result


def _gain(course: Course, t: Wave) -> Wave:
    """Amplitude of the level over its part of the time, `t` from 0 to 1."""
    if course is Course.FADE_IN:
        return np.sin(0.5 * np.pi * t) ** 2
    if course is Course.FADE_OUT:
        return np.cos(0.5 * np.pi * t) ** 2
    gain: Wave = 10.0 ** (_DECIBELS[course](t) / 20)
    return gain


def _nearness(course: Course, t: Wave) -> Wave:
    """From 0, far away, to 1, over the time `t` from 0 to 1."""
    if course is Course.PASSING:
        return np.exp(-(((t - 0.5) / 0.2) ** 2))
    return t if course is Course.NEARER else 1 - t


def _gate(count: int, courses: Sequence[Course]) -> Wave:
    """`[count]`: a gain of 0 before a start and after a stop, else 1."""
    edge = min(0.03, count / SAMPLE_RATE / 20)
    t = np.arange(count) / SAMPLE_RATE
    seconds = count / SAMPLE_RATE
    gate = np.ones(count)
    both = Course.START in courses and Course.STOP in courses
    if Course.START in courses:
        gate *= np.clip((t - (0.25 if both else STARTS_AT) * seconds) / edge, 0, 1)
    if Course.STOP in courses:
        gate *= np.clip(((0.75 if both else STOPS_AT) * seconds - t) / edge, 0, 1)
    return gate


_DECIBELS = {
    Course.UP: lambda t: QUIETEST * (1 - t),
    Course.DOWN: lambda t: QUIETEST * t,
    Course.NEARER: lambda t: FAR * (1 - t),
    Course.AWAY: lambda t: FAR * t,
    Course.PASSING: lambda t: FAR * (1 - np.exp(-(((t - 0.5) / 0.22) ** 2))),
    Course.TIDE: lambda t: QUIETEST * (0.5 + 0.5 * np.cos(2 * np.pi * TIDES * t)),
}


def tempo(courses: Sequence[Course]) -> float | None:
    """The last gap between events over the first; None where it does not change."""
    if Course.FASTER in courses:
        return FAST
    return SLOW if Course.SLOWER in courses else None


def resampled(wave: Wave, ratio: float) -> Wave:
    """The wave, as long as before, read at a rate that changes from `ratio ** 0.25` to its inverse:
    it gets faster and higher where the ratio is below 1."""
    t = np.linspace(-0.25, 0.25, len(wave))
    rate = ratio**-t
    place = np.cumsum(rate)
    place *= (len(wave) - 1) / place[-1]
    return np.interp(place, np.arange(len(wave)), wave)
