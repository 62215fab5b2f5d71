"""What is speech and what is not, and how loud it may be."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.audio.recording import Recording, at_rate
from pipelines.audio.speech_check import check_speech, examine
from pipelines.protocol import InvalidInput

GOLDENS = Path(__file__).parents[2] / "goldens"
SPEECH = ("speech/am_michael.flac", "seedvc/audio/source.flac", "seedvc/audio/target.flac")
RATE = 16_000
TIME = np.arange(4 * RATE) / RATE
NOTES = {"c": 261.6, "e": 329.6, "g": 392.0, "a": 220.0, "f": 174.6, "b": 246.9, "d": 293.7}


def recorded(name: str) -> Recording:
    return Recording(*soundfile.read(GOLDENS / name, dtype="float32"))


def verdict(samples: np.ndarray, rate: int = RATE) -> str:
    """The code it is refused with, or nothing."""
    try:
        check_speech(Recording(samples.astype(np.float32), rate), "upload")
    except InvalidInput as error:
        return error.code
    return ""


def voice() -> tuple[np.ndarray, int]:
    recording = recorded(SPEECH[0])
    mono = recording.mono()
    return mono / np.abs(mono).max(), recording.sample_rate


def noise(seconds: float = 4.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE))


@pytest.mark.parametrize("name", SPEECH)
@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_speech_check_speech_is_taken_at_any_rate(name: str, rate: int) -> None:
    check_speech(Recording(at_rate(recorded(name), rate), rate), "upload")


@pytest.mark.parametrize("decibels", [20, 10, 5])
def test_speech_check_speech_in_noise_is_taken(decibels: float) -> None:
    samples, rate = voice()
    level = np.sqrt(np.mean(samples**2) / 10 ** (decibels / 10))
    assert verdict(0.5 * (samples + level * noise()[: len(samples)]), rate) == ""


@pytest.mark.parametrize("gain", [0.03, 0.3, 1.0])
def test_speech_check_level_of_speech_may_vary(gain: float) -> None:
    samples, rate = voice()
    assert verdict(gain * samples, rate) == ""


def test_speech_check_speech_that_is_hardly_heard() -> None:
    samples, rate = voice()
    with pytest.raises(InvalidInput, match=r"too quiet \(-\d\d dBFS.*at least -50") as caught:
        check_speech(Recording((samples / 300).astype(np.float32), rate), "upload")
    assert (caught.value.field, caught.value.code) == ("upload", "audio_too_quiet")


@pytest.mark.parametrize(("drive", "code"), [(2, ""), (4, "audio_clipped"), (10, "audio_clipped")])
@pytest.mark.parametrize("after", [1.0, 0.3])
def test_speech_check_overdriven_speech(drive: float, code: str, after: float) -> None:
    samples, rate = voice()
    assert verdict(after * np.clip(drive * samples, -1, 1), rate) == code


def test_speech_check_silence() -> None:
    assert verdict(np.zeros(2 * RATE)) == "audio_too_quiet"
    assert verdict(np.full(2 * RATE, 0.2) + 1e-5 * noise(2.0)) == "audio_too_quiet"
    assert verdict(np.zeros(RATE // 10)) == "audio_too_quiet"


def harmonics(hertz: float, count: int = 6) -> np.ndarray:
    return np.sum([np.sin(2 * np.pi * hertz * k * TIME) / k for k in range(1, count)], axis=0)


def chords() -> np.ndarray:
    bars = np.floor(TIME).astype(int)
    each = [np.sum([harmonics(NOTES[n]) for n in chord], axis=0) for chord in ("ceg", "ace", "fac")]
    struck = np.choose(bars % 3, each)
    return np.asarray(struck * np.exp(-3 * (TIME % 1)))


def drums() -> np.ndarray:
    return noise() * np.exp(-50 * (TIME % 0.25))


OTHER_SOUNDS: dict[str, Callable[[], np.ndarray]] = {
    "white noise": noise,
    "brown noise": lambda: np.convolve(noise(), 0.98 ** np.arange(400), "same"),
    "noise in waves": lambda: noise() * (1 + np.sin(2 * np.pi * 4 * TIME)),
    "tone": lambda: np.sin(2 * np.pi * 220 * TIME),
    "beeps": lambda: np.sin(2 * np.pi * 440 * TIME) * (np.sin(2 * np.pi * 3 * TIME) > 0),
    "sweep": lambda: np.sin(2 * np.pi * (100 * TIME + 50 * TIME**2)),
    "hum of the mains": lambda: harmonics(50),
    "chord": lambda: np.sum([harmonics(NOTES[n]) for n in "ceg"], axis=0),
    "chords": chords,
    "drums": drums,
    "clicks": lambda: (np.arange(len(TIME)) % 8_000 == 0).astype(float),
    "square wave": lambda: np.sign(np.sin(2 * np.pi * 150 * TIME)),
}


@pytest.mark.parametrize("name", OTHER_SOUNDS)
@pytest.mark.parametrize("peak", [0.9, 0.3])
def test_speech_check_other_sounds_are_no_speech(name: str, peak: float) -> None:
    sound = OTHER_SOUNDS[name]()
    assert verdict(peak * sound / np.abs(sound).max()) == "no_speech"


def test_speech_check_word_in_a_long_silence_is_too_little() -> None:
    samples, rate = voice()
    word = np.concatenate([samples[rate // 2 : rate * 9 // 10], np.zeros(20 * rate)])
    assert verdict(word, rate) == "no_speech"
    sentence = np.concatenate([samples, np.zeros(25 * rate)])
    assert verdict(sentence, rate) == ""


@given(st.integers(0, 2**32 - 1), st.integers(1_600, 20_000), st.floats(1e-6, 1))
@settings(max_examples=50, deadline=None)
def test_speech_check_noise_of_any_length_is_never_speech(
    seed: int, samples: int, gain: float
) -> None:
    wave = gain * np.random.default_rng(seed).uniform(-1, 1, samples)
    assert verdict(wave) in {"no_speech", "audio_too_quiet"}


def test_speech_check_half_a_minute_is_examined_in_no_time() -> None:
    samples, rate = voice()
    long_ = Recording(np.resize(samples, 30 * rate).astype(np.float32), rate)
    began = time.process_time()
    assert examine(long_).speech()
    assert time.process_time() - began < 1
