"""Whether the recordings that ship are nearer to other recordings than the rules are.

    python -m benchmarks.sounds.recorded PACKAGES

`PACKAGES` holds the packages of `training.sound_takes` and ion-sound 3.0.7. What is held out
(`HELD_OUT`) is of other takes, most of them by other people, and none of it ships. Two judges: the
distance of the colour of a held-out second, and of how it moves, to the nearest second that was
made; and the share of held-out seconds that a linear classifier names which learned from what was
made.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
import soxr
from rich.console import Console
from rich.table import Table

from benchmarks.sounds.hearing import Floats, Samples, seconds_heard
from benchmarks.sounds.mel import MEL, sound_mel
from pipelines.models.foley.catalogue import RULES
from pipelines.models.foley.recorded.kinds import PLAYED
from pipelines.models.foley.recorded.kinds import SOUNDS as NEW
from pipelines.models.foley.synthesis.rendering import render
from pipelines.models.foley.synthesis.signals import SAMPLE_RATE, shaped, tilt
from pipelines.models.foley.synthesis.sound import DISTANCE, SPACE, Sound
from training.package_files import package_file
from training.qt_resources import resources
from training.sound_takes import PACKAGES
from training.soundfont import SoundFont

FARM = "gcompris explore_farm_animals.rcc "
BAND = "gcompris instruments.rcc "
MEMORY = "gcompris memory-sound.rcc "
HELD_OUT: dict[str, tuple[str, ...]] = {
    "dog": (FARM + "dog.ogg", MEMORY + "LRBark_1_LA_cut.ogg", MEMORY + "LRBark_3_LA_cut.ogg"),
    "cat": (FARM + "cat.ogg",),
    "owl": (FARM + "owl.ogg",),
    "cow": (FARM + "cow.ogg",),
    "horse": (FARM + "horse.ogg",),
    "sheep": (FARM + "sheep.ogg",),
    "pig": (FARM + "pig.ogg",),
    "duck": (FARM + "duck.ogg",),
    "frogs": (MEMORY + "LRFrogsInPondDuringStormLACut.ogg",),
    "applause": (MEMORY + "LRApplauses_1_LA_cut.ogg",),
    "helicopter": ("musescore Heli",),
    "kick": tuple(f"sonic-pi bd_{it}" for it in ("808", "gas", "sone", "tek", "zome", "pure")),
    "snare": (BAND + "snare_drum.ogg", "musescore Orch Snare"),
    "hi_hat": ("musescore Hi-Hat Half-Open",),
    "cymbal": (BAND + "cymbal.ogg", "sonic-pi drum_cymbal_soft", "musescore Orchcrash"),
    "tom": ("musescore Low Studio", "musescore MdHi Studio(L)"),
    "hand_bell": ("ion-sound bell_ring.ogg", "musescore Bell Tree"),
    "whoosh": ("sonic-pi ambi_dark_woosh",),
    "guitar": (BAND + "guitar.ogg", "sonic-pi guit_harmonics"),
    "flute": (BAND + "flute_traversiere.ogg",),
    "organ": (BAND + "organ.ogg",),
    "marimba": tuple(f"gcompris melody.rcc xylofon_son{it}.wav" for it in (1, 2, 3, 4)),
    "bongos": (BAND + "bongo.ogg",),
    "castanets": (BAND + "castanets.ogg",),
    "tambourine": (BAND + "tambourine.ogg",),
    "triangle": (BAND + "triangle.ogg",),
    "maracas": (BAND + "maracas.ogg",),
    "timpani": (BAND + "timpani.ogg",),
    "piano": (BAND + "piano.ogg", "sonic-pi ambi_piano"),
    "violin": (BAND + "violin.ogg",),
    "cello": (BAND + "cello.ogg",),
    "trumpet": (BAND + "trumpet.ogg",),
    "saxophone": (BAND + "saxophone.ogg",),
    "harp": (BAND + "harp.ogg",),
    "accordion": (BAND + "accordion.ogg",),
    "banjo": (BAND + "banjo.ogg",),
    "choir": ("sonic-pi ambi_choir",),
    "door": (MEMORY + "LRDoor_Open_2_LA.ogg", "ion-sound door_bump.ogg"),
    "doorbell": ("ion-sound door_bell.ogg",),
    "glass": ("ion-sound light_bulb_breaking.ogg",),
    "dripping": ("ion-sound water_droplet.ogg", "ion-sound water_droplet_3.ogg"),
    "typing": ("ion-sound keyboard_desk.ogg",),
    "heartbeat": (MEMORY + "LRHeart_beat_01_LA.ogg",),
    "gong": (MEMORY + "LRBuddhist_gong_05_LA.ogg",),
    "rain": (MEMORY + "LRRain_in_garden_01_LA_cut.ogg",),
    "train": (MEMORY + "LRTrain_slowing_down_01_LA_cut.ogg",),
}
"""Source, file (in a file of resources) of recordings that do not ship."""
PATHS = PACKAGES | {"ion-sound": ("ion-sound-3.0.7", "sounds/{}")}
SOUNDS_EACH, SECONDS = 12, 3.0
LOUD = 2.5
"""Decades of power under the loudest moment of a second: what is heard of it."""
RIDGE = 0.3
SEED = 9_000_000
NOISE = -30.0
"""dB under each second, of the noise that all are heard in."""


def recordings(folder: Path) -> Iterator[tuple[str, Samples]]:
    """Kind and wave at 16 kHz of everything that is held out."""
    font = SoundFont(package_file(folder, *PATHS["musescore"]))
    for kind, items in HELD_OUT.items():
        for item in items:
            source, _, name = item.partition(" ")
            if source == "musescore":
                sample = font.sample(name)
                wave, rate = sample.wave, sample.rate
            else:
                wave, rate = _read(folder, source, name)
            yield kind, soxr.resample(wave, rate, SAMPLE_RATE)


def _read(folder: Path, source: str, name: str) -> tuple[Samples, int]:
    package, path = PATHS[source]
    resource, _, inner = name.partition(" ")
    content = package_file(folder, package, path.format(resource))
    if inner:
        [content] = [it for file, it in resources(content) if file.endswith(f"/{inner}")]
    with tempfile.NamedTemporaryFile(suffix=Path(name).suffix) as file:
        file.write(content)
        file.flush()
        wave, rate = soundfile.read(file.name, always_2d=True)
    return wave.mean(axis=1), rate


def made(sound: Sound) -> Iterator[Samples]:
    """Sounds of a kind near by and in no hall, with the other traits a little at random."""
    for number in range(SOUNDS_EACH):
        rng = np.random.default_rng([SEED, number])
        own = [trait for trait in sound.traits if trait not in (DISTANCE, SPACE)]
        yield render(rng, sound, SECONDS, {trait: rng.uniform(-0.4, 0.4) for trait in own})


def seconds_of(wave: Samples) -> Floats:
    """`[windows, features]` of the seconds that can be heard, all in the same noise: the silence of
    a room is not that of a computer."""
    wave = np.pad(wave, (0, max(0, SAMPLE_RATE - len(wave))))
    rows = []
    for window in seconds_heard(wave):
        level = np.sqrt(np.mean(window**2)) * 10 ** (NOISE / 20)
        hiss = shaped(np.random.default_rng(SEED), len(window), tilt(0.3))
        rows.append(features(window + level * hiss))
    return np.array(rows)


def features(wave: Samples) -> Floats:
    """Mean, spread and movement of the cepstrum of the mel bands where there is sound: its colour
    and how that moves, and little of pitch and pauses."""
    mel = sound_mel(wave / (np.sqrt(np.mean(wave**2)) + 1e-9)).double().numpy()
    level = np.log10((10 ** (2 * mel)).sum(axis=0) + 1e-9)
    loud = level > level.max() - LOUD
    cepstrum = COSINES @ mel
    steps = np.abs(np.diff(cepstrum, axis=1))[:, loud[1:]]
    return np.concatenate(
        [cepstrum[1:, loud].mean(axis=1), cepstrum[:, loud].std(axis=1), steps.mean(axis=1)]
    )


COSINES = np.array(
    [
        np.cos(np.pi * order * (np.arange(MEL.bands) + 0.5) / MEL.bands) * (2 / MEL.bands) ** 0.5
        for order in range(16)
    ]
)


class Judge:
    """Holds the held-out recordings against what is made."""

    def __init__(self, heard: list[tuple[str, Samples]]) -> None:
        self._heard = _rows(heard)
        self.kinds = sorted(self._heard)
        everything = np.concatenate(list(self._heard.values()))
        self._mean, self._scale = everything.mean(axis=0), everything.std(axis=0)

    def distance(self, kind: str, rows: Floats) -> float:
        """Mean distance of a held-out second of a kind to the nearest one that was made, in
        standard deviations of a feature."""
        apart = (self._heard[kind][:, None] - rows[None]) / self._scale
        return float(np.sqrt((apart**2).mean(axis=2)).min(axis=1).mean())

    def named(self, made: dict[str, Floats]) -> dict[str, float]:
        """For each kind the share of its held-out seconds that a linear discriminant names, which
        has learned from what was made."""
        kinds = list(made)
        rows = {kind: (made[kind] - self._mean) / self._scale for kind in kinds}
        means = np.array([rows[kind].mean(axis=0) for kind in kinds])
        within = np.concatenate([rows[kind] - means[n] for n, kind in enumerate(kinds)])
        spread = within.T @ within / len(within) + RIDGE * np.eye(len(self._scale))
        weights = np.linalg.solve(spread, means.T)
        offsets = -0.5 * np.sum(means.T * weights, axis=0)
        shares = {}
        for number, kind in enumerate(kinds):
            scores = (self._heard[kind] - self._mean) / self._scale @ weights + offsets
            shares[kind] = float(np.mean(scores.argmax(axis=1) == number))
        return shares


def _rows(waves: list[tuple[str, Samples]]) -> dict[str, Floats]:
    rows: dict[str, list[Floats]] = {}
    for kind, wave in waves:
        rows.setdefault(kind, []).append(seconds_of(wave))
    return {kind: np.concatenate(each) for kind, each in rows.items()}


def recorded(kind: str) -> Sound | None:
    """The kind as it is played from recordings, None where it is not."""
    if kind in PLAYED:
        return replace(RULES[kind], render=PLAYED[kind])
    return next((sound for sound in NEW if sound.name == kind), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    judge = Judge(list(recordings(given.packages)))
    played = {kind: sound for kind in judge.kinds if (sound := recorded(kind))}
    layer = _rows([(kind, wave) for kind, sound in played.items() for wave in made(sound)])
    rules = _rows([(k, wave) for k in judge.kinds if k in RULES for wave in made(RULES[k])])
    both = [kind for kind in judge.kinds if kind in layer and kind in rules]
    names = [judge.named({kind: each[kind] for kind in both}) for each in (rules, layer)]
    facts = {}
    shown = Table("kind", "rule: distance", "named", "recorded: distance", "named")
    for kind in both:
        facts[kind] = [
            value
            for each, named in zip((rules, layer), names, strict=True)
            for value in (judge.distance(kind, each[kind]), named[kind])
        ]
        shown.add_row(kind, *(f"{value:.2f}" for value in facts[kind]))
    shown.add_row("mean", *(f"{value:.2f}" for value in np.mean(list(facts.values()), axis=0)))
    alone = judge.named(layer)
    for kind in layer:
        if kind not in rules:
            facts[kind] = [judge.distance(kind, layer[kind]), alone[kind]]
            shown.add_row(kind, "", "", *(f"{value:.2f}" for value in facts[kind]))
    for kind in rules:
        if kind not in layer:
            shown.add_row(kind, f"{judge.distance(kind, rules[kind]):.2f}", "", "", "")
    Console().print(shown)
    Console().print(f"All {len(alone)} recorded kinds: {np.mean(list(alone.values())):.0%} named.")
    if given.json:
        given.json.write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
