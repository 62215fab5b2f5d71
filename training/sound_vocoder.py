"""Trains the network of the small model's vocoder: mel spectrograms to spectrograms.

    python -m training.sound_vocoder SHARDS RUN --minutes 10

It sees mel spectrograms as they come from latents, and learns the magnitudes of the sounds they
were made from. There is no adversary: the phases are found by an algorithm, and noise that starts
from random phases sounds like noise.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipelines.models.makeanaudio_small.checkpoint import FOLDER
from pipelines.models.makeanaudio_small.config import SmallConfig, read_small_config
from pipelines.models.makeanaudio_small.mel import SOUND_MEL
from pipelines.networks.vocoders.spectrum import MagnitudeNetwork
from training.sound_latents import LatentEncoder

BATCH = 8
FRAMES = 192
RATE = 1e-3
WARM_UP = 100
FLOOR = 1e-3
"""Magnitudes below this are silence: a sound at its level has some of about 10."""
REPORT_SECONDS = 60


def magnitudes(wave: Tensor, rate: int) -> Tensor:
    """log10 of the spectrogram that the network is to give, `[sounds, bins, columns]`."""
    window = torch.hann_window(SOUND_MEL.fft)
    spectrum = torch.stft(
        wave, SOUND_MEL.fft, SOUND_MEL.hop // rate, window=window, return_complex=True
    )
    logarithms: Tensor = spectrum.abs()[..., :-1].clamp(min=FLOOR).log10()
    return logarithms


class Pairs:
    """Mel spectrograms and waves of the sounds of one width, and pieces of them at random."""

    def __init__(self, shards: Path, encoder: LatentEncoder, width: int = 40) -> None:
        self._encoder, self._decoder = encoder, encoder.decoder()
        paths = sorted(shards.glob(f"{width}-*.json"))
        self._mels = [np.load(path.with_suffix(".mel.npy"), mmap_mode="r") for path in paths]
        self._waves = [np.load(path.with_suffix(".wave.npy"), mmap_mode="r") for path in paths]

    def draw(self, rng: np.random.Generator, batch: int, frames: int) -> tuple[Tensor, Tensor]:
        """`[batch, 80, frames]` through latents and back, and `[batch, samples]`."""
        mels, waves = [], []
        for _ in range(batch):
            shard = int(rng.integers(len(self._mels)))
            row = int(rng.integers(len(self._mels[shard])))
            # Pieces begin where patches do.
            start = 8 * int(rng.integers((self._mels[shard].shape[-1] - frames) // 8 + 1))
            mels.append(self._mels[shard][row][:, start : start + frames])
            piece = slice(SOUND_MEL.hop * start, SOUND_MEL.hop * (start + frames))
            waves.append(self._waves[shard][row][piece].astype(np.float32) / 32767)
        mel = torch.from_numpy(np.stack(mels)).float()
        through = self._decoder(self._encoder.encode(mel))
        return through, torch.from_numpy(np.stack(waves))


def train(
    shards: Path, run: Path, minutes: float, batch: int = BATCH, frames: int = FRAMES
) -> MagnitudeNetwork:
    """Trains for so many minutes; the rate falls to nothing at the end of them."""
    run.mkdir(parents=True, exist_ok=True)
    config = read_small_config(FOLDER / "config.json")
    encoder = LatentEncoder.load(shards / "encoder.npz")
    network, path = _network(config, run), run / "vocoder.pt"
    pairs, rng = Pairs(shards, encoder), np.random.default_rng()
    optimiser = torch.optim.AdamW(network.parameters(), RATE, betas=(0.9, 0.99))
    losses: list[float] = []
    for step, rate in _rates(minutes):
        for group in optimiser.param_groups:
            group["lr"] = rate
        mel, wave = pairs.draw(rng, batch, frames)
        loss = _distance(network, mel, wave, config.vocoder.rate)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if (step + 1) % 200 == 0:
            _report(run, step + 1, losses)
            torch.save(network.state_dict(), path)
            losses = []
    torch.save(network.state_dict(), path)
    return network


def _network(config: SmallConfig, run: Path) -> MagnitudeNetwork:
    """A new one that adds nothing at first, or the one that was trained before."""
    network = MagnitudeNetwork(config.vocoder, SOUND_MEL)
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.zeros_(network.head.bias)
    if (run / "vocoder.pt").exists():
        network.load_state_dict(torch.load(run / "vocoder.pt", weights_only=True))
    return network


def _rates(minutes: float) -> Iterator[tuple[int, float]]:
    """Steps with their learning rates until the time is over."""
    began, step = time.monotonic(), 0
    while (done := (time.monotonic() - began) / (60 * minutes)) < 1:
        yield step, RATE * min(1.0, (step + 1) / WARM_UP) * (1 - done) ** 0.5
        step += 1


def _distance(network: MagnitudeNetwork, mel: Tensor, wave: Tensor, rate: int) -> Tensor:
    """Mean absolute difference of log10 magnitudes."""
    with torch.autocast("cpu", torch.bfloat16):
        predicted = network(mel).float()
    distance: Tensor = (predicted.clamp(min=-3.0) - magnitudes(wave, rate)).abs().mean()
    return distance


def _report(run: Path, step: int, losses: list[float]) -> None:
    facts = {
        "step": step,
        "cpu_seconds": round(time.process_time()),
        "loss": round(float(np.mean(losses)), 5),
    }
    with (run / "vocoder.jsonl").open("a") as log:
        log.write(json.dumps(facts) + "\n")
    print(facts, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    torch.set_num_threads(1)
    train(given.shards, given.run, given.minutes)


if __name__ == "__main__":
    main()
