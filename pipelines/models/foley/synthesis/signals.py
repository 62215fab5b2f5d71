"""Building blocks of sounds: shaped noise, tones, resonances, events in time, rooms.

Waves are float64 `[samples]` at 16 kHz. Filters are gains over frequency, applied to the spectrum
of the whole wave, so that they shift nothing in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
NYQUIST = SAMPLE_RATE / 2
SOON = 0.5
"""Seconds: before these are over, what has single events has begun."""
LONGEST_GAP = 2.2
"""Between random events, over their mean gap."""

Wave = NDArray[np.float64]
Curve = Callable[[Wave], Wave]
"""Gain over frequency in Hz."""
Rng = np.random.Generator


def samples(seconds: float) -> int:
    """The nearest number of samples, at least one."""
    return max(1, round(seconds * SAMPLE_RATE))


def clock(count: int) -> Wave:
    """`[count]`: the time of each sample in seconds."""
    return np.arange(count) / SAMPLE_RATE


def noise(rng: Rng, count: int) -> Wave:
    """`[count]` of white noise with unit variance."""
    return rng.standard_normal(count)


def filtered(wave: Wave, *curves: Curve) -> Wave:
    """A wave of the same length, its spectrum multiplied by all curves. Zero phase; the ends are
    padded so that nothing wraps round."""
    count = len(wave)
    size = _fast(count + SAMPLE_RATE // 4)
    frequencies: Wave = np.fft.rfftfreq(size, 1 / SAMPLE_RATE).astype(np.float64)
    gain = np.ones_like(frequencies)
    for curve in curves:
        gain = gain * curve(frequencies)
    return np.fft.irfft(np.fft.rfft(wave, size) * gain, size)[:count]


def lowpass(cut: float, order: float = 2) -> Curve:
    """The gain of a Butterworth filter: -3 dB at `cut` Hz, -6 `order` dB an octave above."""
    return lambda f: 1 / np.sqrt(1 + (f / cut) ** (2 * order))


def highpass(cut: float, order: float = 2) -> Curve:
    """The gain of a Butterworth filter: -3 dB at `cut` Hz, -6 `order` dB an octave below."""
    return lambda f: 1 / np.sqrt(1 + (cut / np.maximum(f, 1)) ** (2 * order))


def band(centre: float, octaves: float = 1.0) -> Curve:
    """A Gaussian over the logarithm of frequency, 1 at `centre` Hz; `octaves` is its standard
    deviation."""
    return lambda f: np.exp(-0.5 * (np.log2(np.maximum(f, 1) / centre) / octaves) ** 2)


def tilt(power: float, corner: float = 50.0) -> Curve:
    """1 up to `corner` Hz; above it the gain falls as the frequency to the power of `-power`."""
    return lambda f: (np.maximum(f, corner) / corner) ** -power


def shaped(rng: Rng, count: int, *curves: Curve) -> Wave:
    """`[count]` of filtered noise with unit variance."""
    return levelled(filtered(noise(rng, count), *curves))


def levelled(wave: Wave) -> Wave:
    """The wave, scaled to a root mean square of 1."""
    result: Wave = wave / (np.sqrt(np.mean(wave**2)) + 1e-9)
    return result


def wander(rng: Rng, count: int, rate: float) -> Wave:
    """`[count]`: a smooth random curve of about unit variance that turns `rate` times a second."""
    points = rng.standard_normal(int(count * rate / SAMPLE_RATE) + 3)
    place = np.arange(count) * rate / SAMPLE_RATE + rng.uniform(0, 1)
    left = place.astype(int)
    share = 0.5 - 0.5 * np.cos(np.pi * (place - left))
    curve: Wave = (points[left] * (1 - share) + points[left + 1] * share) * 1.2
    return curve


def fading(count: int, seconds: float) -> Wave:
    """`[count]`: an exponential from 1 that falls by 60 dB in `seconds`."""
    return np.exp(-6.9 * clock(count) / seconds)


def swell(count: int, attack: float, release: float) -> Wave:
    """`[count]`: from 0 to 1 in the first `attack` seconds, to 0 in the last `release` seconds."""
    t = clock(count)
    rise = np.clip(t / max(attack, 1e-4), 0, 1)
    fall = np.clip((t[-1] + 1 / SAMPLE_RATE - t) / max(release, 1e-4), 0, 1)
    envelope: Wave = np.sin(rise * np.pi / 2) ** 2 * np.sin(fall * np.pi / 2) ** 2
    return envelope


def tone(frequency: Wave | float, count: int, phase: float = 0.0) -> Wave:
    """`[count]`: a sine whose frequency in Hz may vary by sample; `phase` in radians."""
    steps = _by_sample(frequency, count)
    return np.sin(2 * np.pi * np.cumsum(steps) / SAMPLE_RATE + phase)


def harmonics(frequency: Wave | float, count: int, gains: Sequence[float]) -> Wave:
    """`[count]`: sines at the multiples of a frequency in Hz, with one amplitude each; those beyond
    the Nyquist frequency are left out."""
    steps = _by_sample(frequency, count)
    angle = 2 * np.pi * np.cumsum(steps) / SAMPLE_RATE
    total = np.zeros(count)
    for index, gain in enumerate(gains, start=1):
        if gain and index * steps.min() < NYQUIST:
            total += gain * np.sin(index * angle) * (index * steps < 0.95 * NYQUIST)
    return total


def pulses(frequency: Wave | float, count: int) -> Wave:
    """`[count]`: 1 at the sample that starts a period of `frequency` Hz, else 0."""
    turns = np.floor(np.cumsum(_by_sample(frequency, count)) / SAMPLE_RATE)
    return np.diff(turns, prepend=0.0)


def ringing(
    count: int, frequencies: Iterable[float], decays: Iterable[float], gains: Iterable[float]
) -> Wave:
    """`[count]` of damped sines: what a struck body rings with. `frequencies` in Hz; `decays` are
    seconds to -60 dB; `gains` are amplitudes at the start."""
    t = clock(count)
    total = np.zeros(count)
    for frequency, decay, gain in zip(frequencies, decays, gains, strict=True):
        if frequency < 0.97 * NYQUIST:
            total += gain * np.sin(2 * np.pi * frequency * t) * np.exp(-6.9 * t / decay)
    return total


def sparks(rng: Rng, count: int, rate: Wave | float) -> Wave:
    """`[count]` of impulses of random height and sign, `rate` a second on average."""
    hits = rng.random(count) < np.asarray(rate) / SAMPLE_RATE
    return hits * rng.standard_normal(count)


def convolved(wave: Wave, kernel: Wave) -> Wave:
    """The convolution, cut to the length of `wave`."""
    size = _fast(len(wave) + len(kernel))
    spectrum = np.fft.rfft(wave, size) * np.fft.rfft(kernel, size)
    return np.fft.irfft(spectrum, size)[: len(wave)]


def beats(rng: Rng, seconds: float, rate: float, jitter: float = 0.0) -> list[float]:
    """Times in seconds of `rate` regular events a second, the first soon; each is moved by up to
    half of `jitter`, which is a share of the period."""
    period = 1 / rate
    first = rng.uniform(0, min(period, 0.3 * seconds, SOON))
    times = np.arange(first, seconds, period)
    moved = times + jitter * period * rng.uniform(-0.5, 0.5, len(times))
    return [float(max(0.0, time)) for time in moved]


def moments(rng: Rng, seconds: float, rate: float) -> list[float]:
    """Times in seconds, sorted, of about `rate` random events a second: the first soon, none in the
    last 8 % of the time, and no gap so long that the sound seems to be over."""
    times: list[float] = []
    time = rng.uniform(0, min(1 / rate, 0.3 * seconds, SOON))
    while not times or time < 0.92 * seconds:
        times.append(float(time))
        time += min(rng.exponential(), LONGEST_GAP) / rate
    return times


def placed(count: int, events: Iterable[tuple[float, Wave]]) -> Wave:
    """`[count]`: waves added at their times in seconds; what is beyond the end is cut."""
    total = np.zeros(count)
    for time, wave in events:
        start = max(0, round(time * SAMPLE_RATE))
        if start < count:
            length = min(len(wave), count - start)
            total[start : start + length] += wave[:length]
    return total


def reverberant(rng: Rng, wave: Wave, seconds: float, wet: float) -> Wave:
    """The wave, as long as before, in a room whose reflections fall by 60 dB in `seconds`; `wet` is
    the share of reflected sound, 0 to 1."""
    length = samples(seconds)
    tail = filtered(noise(rng, length), lowpass(4000, 1)) * fading(length, seconds)
    tail /= np.sqrt(np.sum(tail**2)) + 1e-9
    return (1 - wet) * wave + wet * convolved(wave, tail)


def _by_sample(value: Wave | float, count: int) -> Wave:
    """`[count]`: the values as they are, or one value for all samples."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (count,))


def _fast(size: int) -> int:
    """The next size whose transform is quick: 2, 3 or 5 times a power of two."""
    power = 1 << (size - 1).bit_length()
    return min(option for option in (power, power * 5 // 8, power * 3 // 4) if option >= size)
