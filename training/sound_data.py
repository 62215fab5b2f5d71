"""Makes training data for the small model of sounds: mel spectrograms, waves and what they are.

    python -m training.sound_data FOLDER --shards 12

A shard is a set of files that a seed determines; each holds sounds of one length. What is there
already is left as it is, so that the command can go on where it stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from pipelines.models.foley.catalogue import RULES
from pipelines.models.foley.synthesis.rendering import at_level, render
from pipelines.models.foley.synthesis.signals import SAMPLE_RATE, Rng, Wave, reverberant
from pipelines.models.foley.synthesis.sound import SPACE, SPEED
from pipelines.models.makeanaudio_small.mel import sound_mel
from pipelines.requests.sound import HOP, LATENT_FRAMES
from training.sound_recordings import Recordings

WIDTHS = (12, 24, 40, 80)
"""Columns of the latent: sounds of 1.5, 3.1, 5.1 and 10.2 seconds."""
ROUNDS = {12: 2, 24: 3, 40: 4, 80: 4}
"""Sounds of each kind and width in a shard."""
RECORDED = 0.3
"""Share of the sounds of a kind that are made of recordings, where there are any."""
PEAK = 0.97


def make_shard(
    folder: Path,
    seed: int,
    recordings: Recordings,
    rounds: Mapping[int, int] = ROUNDS,
    kinds: Sequence[str] = tuple(RULES),
) -> None:
    """Writes `W-SEED.mel.npy` float16 `[sounds, 80, 8 W]`, `.wave.npy` int16 and `.json`."""
    for width, count in rounds.items():
        name = f"{width}-{seed:04d}"
        if (folder / f"{name}.json").exists():
            continue
        rng = np.random.default_rng([seed, width])
        seconds = width * LATENT_FRAMES * HOP / SAMPLE_RATE
        made = [_sound(rng, kind, seconds, recordings) for _ in range(count) for kind in kinds]
        # Below the common level where peaks would clip.
        waves = [wave * min(1.0, PEAK / np.abs(wave).max()) for wave, _ in made]
        heard = np.stack(waves).astype(np.float32)
        mels = torch.cat([sound_mel(torch.from_numpy(wave)[None]) for wave in heard])
        np.save(folder / f"{name}.mel.npy", mels.numpy().astype(np.float16))
        np.save(folder / f"{name}.wave.npy", (heard * 32767).astype(np.int16))
        (folder / f"{name}.json").write_text(json.dumps([facts for _, facts in made]))


def _sound(
    rng: Rng, kind: str, seconds: float, recordings: Recordings
) -> tuple[Wave, dict[str, object]]:
    """With traits at random, and what it is."""
    sound = RULES[kind]
    traits = {trait: float(rng.uniform(-1, 1)) for trait in sound.traits}
    if kind not in recordings or rng.random() >= RECORDED:
        return render(rng, sound, seconds, traits), {"name": kind, "traits": traits}
    wave, speed = recordings.struck(rng, kind, seconds)
    if (hall := traits.get(SPACE, -1.0)) > 0:
        wave = reverberant(rng, wave, 2.5, 0.35 + 0.3 * hall)
    # A recording has its own pitch and strength, of which nothing is known.
    known = {SPEED: speed, SPACE: traits.get(SPACE, -1.0)}
    own = {trait: value for trait, value in known.items() if trait in sound.traits}
    return at_level(wave), {"name": kind, "traits": own}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shards", type=int, default=12)
    parser.add_argument("--first", type=int, default=0, help="seed of the first shard")
    parser.add_argument("--recordings", type=Path, help="folder of sonic-pi-samples")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    recordings = Recordings(given.recordings)
    for seed in range(given.first, given.first + given.shards):
        make_shard(given.folder, seed, recordings)
        print(f"shard {seed} is made", flush=True)


if __name__ == "__main__":
    main()
