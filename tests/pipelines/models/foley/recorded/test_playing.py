from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import soxr

from benchmarks.sounds.hearing import onsets
from pipelines.models.foley.catalogue import RULES, SOUNDS
from pipelines.models.foley.recorded import playing
from pipelines.models.foley.recorded.kinds import PLAYED
from pipelines.models.foley.recorded.kinds import SOUNDS as NEW
from pipelines.models.foley.recorded.playing import JITTERS, WIDE_JITTERS, on_and_on
from pipelines.models.foley.recorded.takes import RATE, Take, takes
from pipelines.models.foley.synthesis.events import event_times
from pipelines.models.foley.synthesis.rendering import render
from pipelines.models.foley.synthesis.signals import SAMPLE_RATE, Wave
from pipelines.models.foley.synthesis.sound import Draw

KINDS = [*PLAYED, *(sound.name for sound in NEW)]


def made(kind: str, seconds: float, seed: int = 3, times: list[float] | None = None) -> Wave:
    return render(np.random.default_rng(seed), SOUNDS[kind], seconds, {}, times)


def likeness(wave: Wave, take: Wave) -> float:
    """The highest normalised correlation of a take with any place of a wave."""
    size = len(wave) + len(take)
    product = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(take, size).conj(), size)
    energy = np.cumsum(np.pad(wave**2, (1, len(take))))
    own = energy[len(take) :] - energy[: -len(take)]
    places = product[: len(wave)] / np.sqrt(own[: len(wave)] * np.sum(take**2) + 1e-6 * energy[-1])
    return float(places.max())


@pytest.mark.parametrize("kind", KINDS)
def test_playing_all_that_is_heard_is_of_the_takes(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert np.abs(made(kind, 1.0)).max() > 0.1
    mute = tuple(Take(0 * take.wave, take.pitch) for take in takes(kind))
    monkeypatch.setattr(playing, "takes", {kind: mute}.__getitem__)
    assert not made(kind, 1.0).any()


@pytest.mark.parametrize("kind", ["dog", "sheep", "crow", "door"])
def test_playing_take_is_heard_as_it_was_recorded(kind: str) -> None:
    pieces = [
        soxr.resample(take.wave[:6000].astype(np.float64), RATE * speed, SAMPLE_RATE)
        for take in takes(kind)
        for speed in sorted({*JITTERS, *WIDE_JITTERS})
    ]
    wave = made(kind, 2.0)
    assert max(likeness(wave, piece) for piece in pieces) > 0.9


@pytest.mark.parametrize("kind", ["dog", "kick", "piano", "trumpet", "vinyl", "frogs"])
def test_playing_seed_gives_the_same_sound_again_and_another_seed_another(kind: str) -> None:
    first, again, other = made(kind, 3.0), made(kind, 3.0), made(kind, 3.0, seed=4)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.05


@pytest.mark.parametrize(
    "kind", ["dog", "cat", "sheep", "pig", "door", "snare", "piano", "trumpet"]
)
@pytest.mark.parametrize("count", [1, 3])
def test_playing_what_is_counted_is_heard_as_often(kind: str, count: int) -> None:
    times = event_times(np.random.default_rng(0), kind, count, 8.0, 0.0)
    heard = onsets(made(kind, 8.0, times=times))
    assert len(heard) == count
    np.testing.assert_allclose(heard, times, atol=0.16)


def test_playing_counts_of_what_goes_on_are_left_to_the_rule() -> None:
    times = [0.2, 1.2]
    by_rule = render(np.random.default_rng(3), RULES["frogs"], 3.0, {}, times)
    np.testing.assert_array_equal(made("frogs", 3.0, times=times), by_rule)


def test_playing_one_animal_does_not_call_over_itself() -> None:
    [take] = takes("rooster")
    wave = made("rooster", 30.0)
    frames = np.abs(wave[: len(wave) // 800 * 800]).reshape(-1, 800).max(axis=1)
    sounding = np.flatnonzero(frames > 0.02 * frames.max())
    pauses = np.diff(sounding) * 0.05
    calls = int(np.sum(pauses > 0.5)) + 1
    assert calls >= 5
    assert len(sounding) * 0.05 > 0.75 * calls * take.seconds


@pytest.mark.parametrize("kind", ["cat", "dog", "snare", "cowbell", "sheep"])
def test_playing_no_take_is_heard_twice_in_a_row_in_the_same_way(kind: str) -> None:
    for seed in range(5):
        draw, player = Draw(np.random.default_rng(seed), SAMPLE_RATE), playing.Player(kind)
        bends = [bend for bend, _ in zip(player.jitters(draw), range(50), strict=False)]
        assert all(a != b for a, b in pairwise(bends))


@pytest.mark.parametrize("count", [3, 8])
def test_playing_counted_strokes_are_all_heard(count: int) -> None:
    times = event_times(np.random.default_rng(0), "kick", count, 8.0, 0.0)
    assert [len(onsets(made("kick", 8.0, seed, times))) for seed in range(6)] == [count] * 6


@pytest.mark.parametrize("seconds", [0.5, 30.0])
def test_playing_sound_without_end_has_neither_gap_nor_swell(seconds: float) -> None:
    draw = Draw(np.random.default_rng(5), round(seconds * SAMPLE_RATE))
    wave = on_and_on("vinyl")(draw)
    assert len(wave) == draw.count
    level = np.sqrt(np.mean(wave[: len(wave) // 4000 * 4000].reshape(-1, 4000) ** 2, axis=1))
    assert np.median(level) / 3 < level.min()
    assert np.quantile(level, 0.9) < 3 * np.median(level)
