from __future__ import annotations

import numpy as np
import pytest

from pipelines.audio.joining import FADE_SECONDS, CrossFade, SilenceJoin

RATE = 24_000


def _joined(*waveforms: np.ndarray, seconds: float = 0.3) -> np.ndarray:
    joiner = SilenceJoin(seconds, RATE)
    return np.concatenate([*(joiner.add(wave) for wave in waveforms), joiner.close()])


def test_silence_join_silence_stands_between_segments_only() -> None:
    one, two = np.full(4800, 0.5, np.float32), np.full(2400, 0.5, np.float32)
    joined = _joined(one, two)
    assert len(joined) == 4800 + 7200 + 2400
    assert not joined[4800 : 4800 + 7200].any()
    assert joined.dtype == np.float32


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_silence_join_joins_do_not_click(seconds: float) -> None:
    """Steps at a join are no larger than within the signal, even for segments cut at full level."""
    wave = np.cos(2 * np.pi * 110 / RATE * np.arange(12_000)).astype(np.float32)
    joined = _joined(wave, -wave, wave, seconds=seconds)
    inner = np.abs(np.diff(wave)).max()
    assert np.abs(np.diff(joined, prepend=0, append=0)).max() < 1.05 * inner


def test_silence_join_click_would_be_seen() -> None:
    wave = np.cos(2 * np.pi * 110 / RATE * np.arange(12_000)).astype(np.float32)
    raw = np.concatenate([wave, np.zeros(7200, np.float32), wave])
    assert np.abs(np.diff(raw, prepend=0)).max() > 20 * np.abs(np.diff(wave)).max()


def test_silence_join_only_the_edges_change_and_the_input_does_not() -> None:
    wave = np.ones(4800, np.float32)
    joined = _joined(wave)
    steps = round(FADE_SECONDS * RATE)
    np.testing.assert_array_equal(joined[steps:-steps], 1)
    np.testing.assert_array_equal(wave, 1)


@pytest.mark.parametrize("samples", [0, 1, 5, 100])
def test_silence_join_segments_shorter_than_a_fade(samples: int) -> None:
    joined = _joined(np.ones(samples, np.float32), np.ones(samples, np.float32))
    assert len(joined) == 2 * samples + 7200
    assert np.isfinite(joined).all()


def test_the_cross_fade_begins_with_the_old_and_ends_with_the_new() -> None:
    fade = CrossFade(4)
    first = np.zeros(10, np.float32)
    second = np.ones(10, np.float32)
    assert len(fade.add(first)) == 6
    mixed = fade.add(second)
    np.testing.assert_allclose(mixed[:4], [0.0, 0.25, 0.75, 1.0], atol=1e-6)
    assert (second == 1).all()
    assert len(mixed) + len(fade.close()) == 10
    assert len(fade.close()) == 0
