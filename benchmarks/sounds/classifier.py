"""A classifier of sounds that knows nothing of the model: it judges what the model makes.

It hears sounds of its own seeds with traits at random, some of them recordings, changed in colour
and mixed with noise, so that it goes by what makes a kind of sound. Features are means,
spreads and modulations of the mel bands; a small network of two layers tells the kinds apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.sounds.mel import sound_mel
from pipelines.models.foley.catalogue import SOUNDS
from pipelines.models.foley.synthesis.rendering import at_level, render
from pipelines.models.foley.synthesis.signals import Rng, Wave, reverberant, shaped, tilt
from training.sound_recordings import Recordings

FIRST_SEED = 1_000_000
SECONDS = 5.12
MODULATIONS = 12
KINDS = tuple(SOUNDS)


def features(wave: NDArray[np.floating]) -> Tensor:
    """What the classifier hears of a wave of any level, `[features]`."""
    heard = np.asarray(at_level(np.asarray(wave, np.float64)), np.float32)
    mel = sound_mel(heard).clamp(min=-3.0)
    slope = mel.diff(dim=1)
    parts = [
        mel.mean(dim=1),
        mel.std(dim=1),
        mel.quantile(0.1, dim=1),
        mel.quantile(0.9, dim=1),
        slope.clamp(min=0).mean(dim=1) * 4,
        slope.abs().amax(dim=1),
        _modulations(mel).flatten(),
        mel.amax(dim=0).quantile(torch.tensor([0.05, 0.25, 0.5, 0.75])),
    ]
    return torch.cat(parts)


def _modulations(mel: Tensor) -> Tensor:
    """How strongly groups of bands go up and down at some rates, `[10, MODULATIONS]`."""
    groups = mel.reshape(10, 8, -1).mean(dim=1)
    spectrum = torch.fft.rfft(groups - groups.mean(dim=1, keepdim=True), n=640).abs()
    edges = np.geomspace(3, 320, MODULATIONS + 1).astype(int)
    pooled = [spectrum[:, a : max(b, a + 1)].mean(dim=1) for a, b in pairwise(edges)]
    return (torch.stack(pooled, dim=1) + 0.1).log10()


@dataclass(frozen=True, slots=True)
class Classifier:
    network: nn.Module
    mean: Tensor
    deviation: Tensor

    @torch.inference_mode()
    def name(self, wave: NDArray[np.floating]) -> str:
        return self.ranked(wave)[0]

    @torch.inference_mode()
    def ranked(self, wave: NDArray[np.floating]) -> list[str]:
        """All kinds, the likeliest first."""
        scores = self.network((features(wave) - self.mean) / self.deviation)
        return [KINDS[int(index)] for index in scores.argsort(descending=True)]


def examples(first: int, each: int, recordings: Recordings, changed: bool) -> tuple[Tensor, Tensor]:
    """Features and kinds of `each` sounds of every kind, from seeds that begin at `first`."""
    rows, kinds = [], []
    for kind, name in enumerate(KINDS):
        for number in range(each):
            rng = np.random.default_rng([first + number, kind])
            recorded = name in recordings and rng.random() < 0.4
            wave = _recorded(rng, name, recordings) if recorded else _made(rng, name)
            rows.append(features(discoloured(rng, wave) if changed else wave))
            kinds.append(kind)
    return torch.stack(rows), torch.tensor(kinds)


def _made(rng: Rng, kind: str) -> Wave:
    """With all traits at random."""
    sound = SOUNDS[kind]
    return render(rng, sound, SECONDS, {trait: rng.uniform(-1, 1) for trait in sound.traits})


def _recorded(rng: Rng, kind: str, recordings: Recordings) -> Wave:
    """In some room."""
    wave, _ = recordings.struck(rng, kind, SECONDS)
    return at_level(reverberant(rng, wave, 2.5, 0.4) if rng.random() < 0.3 else wave)


def discoloured(rng: Rng, wave: Wave) -> Wave:
    """Another colour, and some noise."""
    strength = 10 ** rng.uniform(-3.5, -2.0)
    spectrum = np.fft.rfft(wave)
    bends = np.interp(np.linspace(0, 1, len(spectrum)), np.linspace(0, 1, 6), rng.normal(0, 2.5, 6))
    coloured = np.fft.irfft(spectrum * 10 ** (bends / 20), len(wave))
    return coloured + strength * shaped(rng, len(wave), tilt(rng.uniform(0, 0.5)))


def train(recordings: Recordings, each: int = 30, epochs: int = 60) -> Classifier:
    torch.manual_seed(0)
    inputs, kinds = examples(FIRST_SEED, each, recordings, changed=True)
    mean, deviation = inputs.mean(dim=0), inputs.std(dim=0) + 0.05
    inputs = (inputs - mean) / deviation
    network = nn.Sequential(
        nn.Linear(inputs.shape[1], 192), nn.GELU(), nn.Dropout(0.4), nn.Linear(192, len(KINDS))
    )
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.05)
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs)).split(64):
            seen = inputs[rows] + 0.15 * torch.randn_like(inputs[rows])
            loss = nn.functional.cross_entropy(network(seen), kinds[rows], label_smoothing=0.05)
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
    return Classifier(network.eval(), mean, deviation)


def trained(path: Path, recordings: Recordings) -> Classifier:
    """The classifier that is kept at `path`, trained first if there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(train(recordings), path)
    classifier: Classifier = torch.load(path, weights_only=False)
    return classifier


def accuracy(classifier: Classifier, recordings: Recordings, each: int = 4) -> float:
    """Its share of right answers on sounds that it has not heard."""
    inputs, kinds = examples(2 * FIRST_SEED, each, recordings, changed=False)
    with torch.inference_mode():
        scores = classifier.network((inputs - classifier.mean) / classifier.deviation)
    return float((scores.argmax(dim=1) == kinds).float().mean())
