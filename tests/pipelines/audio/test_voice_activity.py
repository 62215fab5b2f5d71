"""Speech among other sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipelines.audio.gating import gated
from pipelines.audio.recording import Recording
from pipelines.audio.voice_activity import (
    FRAME_SECONDS,
    has_speech,
    speech_frames,
    speech_gate,
)

ROOT = Path(__file__).parents[3]
VOICES = sorted((ROOT / "checkpoints" / "kokoro" / "recordings").glob("*.flac"))
RATE = 16_000


def noise(seconds: float, level: float, tilt: float = 0.0) -> np.ndarray:
    """White, or falling by 6 dB times `tilt` an octave above 20 Hz; `level` in dBFS."""
    samples = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(samples))
    spectrum /= np.maximum(np.fft.rfftfreq(samples, 1 / RATE), 20) ** tilt
    wave = np.fft.irfft(spectrum, samples)
    return wave / wave.std() * 10 ** (level / 20)


def tones(seconds: float, level: float, *hertz: float) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * one * times) for one in hertz)
    return wave / np.std(wave) * 10 ** (level / 20)


def dither(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).integers(-1, 2, round(seconds * RATE)) / 32_768


def room(seconds: float) -> np.ndarray:
    return noise(seconds, -55, tilt=1) + tones(seconds, -60, 50, 100)


BACKGROUNDS = {
    "silence": lambda seconds: np.zeros(round(seconds * RATE)),
    "dither": dither,
    "room tone": room,
    "white noise": lambda seconds: noise(seconds, -25),
    "soft white noise": lambda seconds: noise(seconds, -60),
    "pink noise": lambda seconds: noise(seconds, -25, tilt=0.5),
    "brown noise": lambda seconds: noise(seconds, -30, tilt=1),
    "mains hum": lambda seconds: tones(seconds, -35, 50, 100, 150, 250),
}
SOUNDS = BACKGROUNDS | {
    "chord": lambda seconds: tones(seconds, -15, 220, 277.2, 329.6),
    "chord in noise": lambda seconds: tones(seconds, -15, 220, 277.2, 329.6) + noise(seconds, -40),
    "whistle": lambda seconds: tones(seconds, -10, 1_000),
}


def recording(samples: np.ndarray, rate: int = RATE) -> Recording:
    return Recording(samples.astype(np.float32), rate)


@pytest.mark.parametrize("seconds", [1.0, 1.7, 12.0, 23.0])
@pytest.mark.parametrize("name", SOUNDS)
def test_nobody_speaks_in_other_sounds(name: str, seconds: float) -> None:
    sound = recording(SOUNDS[name](seconds))
    assert not speech_frames(sound).any()
    assert not has_speech(sound)


@pytest.mark.parametrize("seconds", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("name", ["silence", "dither", "white noise", "pink noise"])
def test_nobody_speaks_in_short_noise(name: str, seconds: float) -> None:
    assert not has_speech(recording(SOUNDS[name](seconds)))


def voice(path: Path) -> tuple[np.ndarray, int]:
    samples, rate = soundfile.read(path, dtype="float32")
    return samples, rate


def kept(samples: np.ndarray, found: np.ndarray) -> float:
    """Share of the energy that lies where speech was found."""
    gate = gated(np.ones(len(samples), np.float32), found.astype(np.float32))
    return float((gate * samples**2).sum() / (samples**2).sum())


@pytest.mark.parametrize("path", VOICES, ids=lambda path: path.stem)
def test_nothing_that_a_voice_says_is_lost(path: Path) -> None:
    samples, rate = voice(path)
    for gain in (1.0, 0.1, 0.01):
        assert kept(samples, speech_frames(recording(gain * samples, rate))) > 0.998
    rng = np.random.default_rng(0)
    for below in (20, 10, 5):
        hiss = rng.standard_normal(len(samples)) * samples.std() * 10 ** (-below / 20)
        assert kept(samples, speech_frames(recording(samples + hiss, rate))) > 0.99
    for seconds in (0.4, 0.8, 1.2, 2.0):
        size = int(seconds * rate)
        cuts = [samples[at : at + size] for at in range(0, len(samples) - size, size)]
        loud = [cut for cut in cuts if cut.std() > 0.5 * samples.std()]
        assert all(has_speech(recording(cut, rate)) for cut in loud)


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_gaps_between_speech_stay_silent(name: str) -> None:
    samples, rate = voice(VOICES[0])
    spoken = np.interp(np.arange(2 * RATE) / RATE, np.arange(len(samples)) / rate, samples)
    whole = np.concatenate([spoken, np.zeros(6 * RATE), spoken])
    found = speech_frames(recording(whole + SOUNDS[name](10.0)))
    times = (np.arange(len(found)) + 0.5) * FRAME_SECONDS
    assert not found[(times > 4) & (times < 6)].any()
    assert found[(times > 0.5) & (times < 1.5)].mean() > 0.9
    if name in {"silence", "dither"}:
        assert not found[(times > 2.3) & (times < 7.7)].any()


def test_frames_do_not_depend_on_what_lies_far_away() -> None:
    samples, rate = voice(VOICES[1])
    alone = speech_frames(recording(samples, rate))
    ahead = np.concatenate([np.zeros(int(rate * 9.6), np.float32), samples])
    later = speech_frames(recording(ahead, rate))[round(9.6 / FRAME_SECONDS) :]
    assert (later[: len(alone)] == alone).mean() > 0.99


def test_a_gate_follows_time_that_is_stretched() -> None:
    samples, rate = voice(VOICES[0])
    whole = recording(np.concatenate([np.zeros(3 * rate, np.float32), samples[: 2 * rate]]), rate)
    for stretch in (0.5, 1.0, 2.0):
        times = (np.arange(500 * stretch) + 0.5) / (100 * stretch)
        gate = speech_gate(whole, times)
        assert not gate[times < 2.7].any()
        assert gate[(times > 3.5) & (times < 4.5)].mean() > 0.9


def test_a_gated_wave_is_faded_into_silence() -> None:
    wave = np.ones(100, np.float32)
    np.testing.assert_array_equal(gated(wave, None), wave)
    np.testing.assert_array_equal(gated(wave, np.ones(7, np.float32)), wave)
    faded = gated(wave, np.float32([1, 1, 0, 0]))
    assert (faded[:37] == 1).all()
    assert (faded[63:] == 0).all()
    assert np.abs(np.diff(faded)).max() < 0.05
