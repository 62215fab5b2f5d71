"""Reads the samples of a SoundFont whose samples are Ogg Vorbis (`.sf3`)."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import soundfile

from pipelines.models.foley.synthesis.signals import Wave

HEADER = struct.Struct("<20sIIIIIBbHH")
ROOT_KEY, SAMPLE, COARSE, FINE, MODES = 58, 53, 51, 52, 54
"""Generators of a zone; of the modes the lowest bit says that the sample loops."""
LEAST_DECAY = 12.0
"""dB a second of what dies away by itself, in its loop."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`wave` `[samples]` at `rate` Hz. What is between the ends of the loop repeats. `pitch` in
    Hz."""

    wave: Wave
    rate: int
    loop: tuple[int, int] | None
    pitch: float

    def held(self, seconds: float, dying: bool) -> Wave:
        """At most as long as that: the loop goes on where the sample is shorter. What is `dying`
        does so in its loop as fast as before."""
        count = round(seconds * self.rate)
        if self.loop is None:
            return self.wave[:count]
        start, end = self.loop
        place = np.arange(count)
        late = place >= end
        place[late] = start + (place[late] - start) % (end - start)
        held: Wave = self.wave[place]
        if dying:
            time = np.maximum(0, np.arange(count) - start) / self.rate
            held = held * 10 ** (-self._decay(start) * time / 20)
        return held

    def _decay(self, loop: int) -> float:
        """dB a second from the loudest moment to the start of the loop."""
        frame = self.rate // 40
        level = np.sqrt(
            np.mean(self.wave[: len(self.wave) // frame * frame].reshape(-1, frame) ** 2, 1)
        )
        loudest, last = int(level.argmax()), min(loop // frame, len(level) - 1)
        if last <= loudest:
            return LEAST_DECAY
        fall = 20 * np.log10(level[loudest] / max(float(level[last]), 1e-6))
        return max(LEAST_DECAY, float(fall) * self.rate / frame / (last - loudest))


class SoundFont:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._chunks = dict(_chunks(content, 12, len(content)))
        self._headers = list(HEADER.iter_unpack(self._chunk("shdr")))
        self._names = [_text(header[0]) for header in self._headers]

    def sample(self, name: str) -> Sample:
        """The first of that name. Its pitch is that of the first zone that plays it."""
        number = self._names.index(name)
        _, start, end, loop_start, loop_end, _, root, correction, _, _ = self._headers[number]
        base, _ = self._chunks["smpl"]
        wave, rate = soundfile.read(io.BytesIO(self._content[base + start : base + end]))
        zone = self._zone(number)
        cents = 100 * zone.get(COARSE, 0) + zone.get(FINE, 0) + correction
        key = zone.get(ROOT_KEY, -1)
        pitch = 440 * 2 ** (((root if key < 0 else key) - 69 - cents / 100) / 12)
        loops = zone.get(MODES, 0) & 1 and loop_end <= len(wave)
        return Sample(wave, rate, (loop_start, loop_end) if loops else None, pitch)

    def _zone(self, number: int) -> dict[int, int]:
        """The generators of the first zone of an instrument that plays a sample; those that a first
        zone without a sample sets for the whole instrument hold where it has none of its own."""
        bags = [it for it, _ in struct.iter_unpack("<HH", self._chunk("ibag"))]
        generators = list(struct.iter_unpack("<Hh", self._chunk("igen")))
        instruments = {it for _, it in struct.iter_unpack("<20sH", self._chunk("inst"))}
        common: dict[int, int] = {}
        for bag, (first, last) in enumerate(pairwise(bags)):
            zone: dict[int, int] = dict(generators[first:last])
            if bag in instruments:
                common = {} if SAMPLE in zone else zone
            if zone.get(SAMPLE) == number:
                return common | zone
        return {}

    def _chunk(self, name: str) -> bytes:
        start, size = self._chunks[name]
        return self._content[start : start + size]


def _chunks(content: bytes, start: int, end: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Name, start and size of each chunk that is no list. This kind of file has no padding."""
    while start + 8 <= end:
        name, (size,) = content[start : start + 4], struct.unpack_from("<I", content, start + 4)
        if name == b"LIST":
            yield from _chunks(content, start + 12, start + 8 + size)
        else:
            yield name.decode("latin1"), (start + 8, size)
        start += 8 + size


def _text(name: bytes) -> str:
    return name.split(b"\0")[0].decode("latin1").strip()
