"""Trains the diffusion network of the small model of sounds, on one core, for a while.

    python -m training.sound_diffusion SHARDS RUN --minutes 60

`RUN` is where the training goes on from if it was there before: `state.pt`, and `log.jsonl` with
the losses. In the last third of the time the learning rate falls to nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from pipelines.models.makeanaudio_small.checkpoint import FOLDER
from pipelines.models.makeanaudio_small.config import SmallConfig, read_small_config
from pipelines.models.makeanaudio_small.denoiser import ColumnDenoiser
from training.sound_batches import Batch, Sounds
from training.sound_latents import LatentEncoder

COLUMNS = 384
SHARES = {12: 0.15, 24: 0.4, 40: 0.35, 80: 0.1}
RATE = 1e-3
WARM_UP = 100
AVERAGING = 0.998
AVERAGED = 10
"""Steps after which the weights join their average over time."""
REPORT_SECONDS = 120


def new_network(config: SmallConfig) -> ColumnDenoiser:
    """Every layer adds nothing at first, and nothing is added to the prior."""
    network = ColumnDenoiser(config.denoiser, config.schedule)
    for name, parameter in network.named_parameters():
        if name.startswith("out.") or ".condition." in name or ".local." in name:
            nn.init.zeros_(parameter)
    nn.init.normal_(network.told.weight, std=0.3)
    return network


class Training:
    def __init__(self, config: SmallConfig, run: Path, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.model = new_network(config)
        self.average = deepcopy(self.model).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )
        self.step = 0
        self._path = run / "state.pt"
        if self._path.exists():
            self._resume()

    def _resume(self) -> None:
        state = torch.load(self._path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        partial = self._path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._path)

    def learn(self, batch: Batch, rate: float) -> float:
        """One step. Returns the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate * min(1.0, (self.step + 1) / WARM_UP)
        count = len(batch.latents)
        # One level from each of equal parts of the schedule, so that every batch sees all of it.
        places = (torch.randperm(count) + torch.rand(count)) / count
        levels = (places * len(self.model.signal)).long()
        loss = self._loss(self.model, batch.latents, levels, batch.conditions)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        if self.step % AVERAGED == 0:
            self._join()
        return loss.item()

    @torch.no_grad()
    def _join(self) -> None:
        joined = self.step // AVERAGED
        # The first weights are forgotten soon.
        keep = min(AVERAGING**AVERAGED, joined / (joined + 5))
        for kept, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
            kept.lerp_(new, 1 - keep)

    @torch.no_grad()
    def validate(self, batches: list[Batch]) -> float:
        """The loss of the averaged weights, the same noise every time."""
        losses = []
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for batch in batches:
                levels = torch.linspace(0, len(self.model.signal) - 1, len(batch.latents)).long()
                loss = self._loss(self.average, batch.latents, levels, batch.conditions)
                losses.append(loss.item())
        return float(np.mean(losses))

    def _loss(
        self, model: ColumnDenoiser, latents: Tensor, levels: Tensor, conditions: Tensor
    ) -> Tensor:
        """Mean square error of the velocity."""
        signal = self.model.signal[levels][:, None, None, None]
        kept, added = signal.sqrt(), (1 - signal).sqrt()
        noise = torch.randn_like(latents)
        # For tokens as few as these the plain sums are faster than the blocked ones.
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            found = model.velocity(kept * latents + added * noise, levels, conditions).float()
        loss: Tensor = (found - (kept * noise - added * latents)).square().mean()
        return loss


def train(
    shards: Path, run: Path, minutes: float, rate: float = RATE, columns: int = COLUMNS
) -> Training:
    """Trains for so many minutes of wall time and returns what came of it."""
    run.mkdir(parents=True, exist_ok=True)
    encoder = LatentEncoder.load(shards / "encoder.npz")
    sounds = Sounds(shards, encoder, SHARES, columns)
    training = Training(read_small_config(FOLDER / "config.json"), run)
    if training.step == 0:
        sounds.fit(training.model.prior)
        sounds.fit(training.average.prior)
    torch.manual_seed(training.step)
    rng = np.random.default_rng(training.step)
    began = reported = time.monotonic()
    losses: list[float] = []
    while (done := (time.monotonic() - began) / (60 * minutes)) < 1:
        losses.append(training.learn(sounds.draw(rng), rate * falling(done)))
        if time.monotonic() - reported > REPORT_SECONDS:
            _report(training, sounds, losses, run)
            reported, losses = time.monotonic(), []
    _report(training, sounds, losses, run)
    return training


def falling(done: float) -> float:
    """The share of the learning rate when so much of the time is over."""
    return min(1.0, 3 * (1 - done))


def _report(training: Training, sounds: Sounds, losses: list[float], run: Path) -> None:
    facts = {
        "step": training.step,
        "cpu_seconds": round(time.process_time()),
        "sounds": sounds.count,
        "loss": round(float(np.mean(losses or [np.nan])), 5),
        "validation": round(training.validate(sounds.held_out()), 5),
    }
    with (run / "log.jsonl").open("a") as log:
        log.write(json.dumps(facts) + "\n")
    print(facts, flush=True)
    training.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=RATE, help="learning rate")
    given = parser.parse_args()
    torch.set_num_threads(1)
    train(given.shards, given.run, given.minutes, given.rate)


if __name__ == "__main__":
    main()
