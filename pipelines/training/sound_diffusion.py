"""Trains the diffusion network of the small model of sounds, on a CPU, for a while.

    python -m pipelines.training.sound_diffusion SHARDS RUN --minutes 60 --workers 2

Workers are processes that learn from batches of their own and take the mean of their weights every
few steps (Stich, "Local SGD Converges Fast and Communicates Little", 2019). `RUN` is where the
training goes on from if it was there before: `state.pt`, and `log.jsonl` with the losses. The
network predicts the noise (Ho, Jain and Abbeel, 2020); a tenth of the sounds come without their
caption, for guidance; losses are weighted so that no noise level outdoes the others (Hang et al.,
"Efficient Diffusion Training via Min-SNR Weighting Strategy", 2023).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, distributed, multiprocessing, nn

from pipelines.makeanaudio.ddim import remaining_signal
from pipelines.makeanaudio.small.config import SmallConfig, read_small_config
from pipelines.makeanaudio.small.denoiser import ColumnDenoiser
from pipelines.makeanaudio.text_encoder import Projection
from pipelines.training.sound_batches import Batch, Sounds
from pipelines.training.sound_captions import FOLDER
from pipelines.training.sound_latents import LatentEncoder

COLUMNS = 384
SHARES = {12: 0.5, 24: 0.4, 40: 0.07, 80: 0.03}
DROPPED = 0.1
RATE = 1e-3
WARM_UP = 100
AVERAGING = 0.998
SNR_LIMIT = 5.0
TOGETHER = 20
"""Steps after which the workers take the mean of their weights."""
SAVE_SECONDS = 180


class Denoiser(nn.Module):
    """What is trained: the projection of the text, and the network that predicts the noise."""

    def __init__(self, config: SmallConfig) -> None:
        super().__init__()
        self.projection = Projection(config.bert.width, config.denoiser.context)
        self.denoiser = ColumnDenoiser(config.denoiser)
        # Every layer adds nothing at first, and the noise is predicted to be none.
        for layer in self.denoiser.layers:
            nn.init.zeros_(layer.condition.weight)
            nn.init.zeros_(layer.condition.bias)
        nn.init.zeros_(self.denoiser.out.weight)
        nn.init.zeros_(self.denoiser.out.bias)

    def forward(self, latents: Tensor, levels: Tensor, texts: Tensor) -> Tensor:
        noise: Tensor = self.denoiser(latents, levels, self.projection(texts))
        return noise


class Training:
    def __init__(self, config: SmallConfig, run: Path, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.model = Denoiser(config)
        self.average = deepcopy(self.model).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), RATE, betas=(0.9, 0.99), weight_decay=0.01
        )
        self.step = 0
        self._signal = remaining_signal(config.schedule)
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

    def learn(self, batch: Batch, empty: Tensor, rate: float) -> float:
        """One step. Returns the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate * min(1.0, (self.step + 1) / WARM_UP)
        dropped = torch.rand(len(batch.texts)) < DROPPED
        texts = torch.where(dropped[:, None, None], empty, batch.texts)
        # One level from each of equal parts of the schedule, so that every batch sees all of it.
        count = len(batch.latents)
        places = (torch.randperm(count) + torch.rand(count)) / count
        levels = (places * len(self._signal)).long()
        loss = self._loss(self.model, batch.latents, texts, levels)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        if self.step % TOGETHER == 0:
            self._meet()
        return loss.item()

    @torch.no_grad()
    def _meet(self) -> None:
        """The mean of all workers' weights, which also joins the average over time."""
        keep = AVERAGING ** min(TOGETHER, self.step / WARM_UP)
        for kept, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
            if distributed.is_initialized():
                distributed.all_reduce(new)
                new /= distributed.get_world_size()
            kept.lerp_(new, 1 - keep)

    @torch.no_grad()
    def validate(self, batches: list[Batch]) -> float:
        """The loss of the averaged weights, the same noise every time."""
        losses = []
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for batch in batches:
                levels = torch.linspace(0, len(self._signal) - 1, len(batch.latents)).long()
                losses.append(self._loss(self.average, batch.latents, batch.texts, levels).item())
        return float(np.mean(losses))

    def _loss(self, model: nn.Module, latents: Tensor, texts: Tensor, levels: Tensor) -> Tensor:
        signal = self._signal[levels][:, None, None, None]
        noise = torch.randn_like(latents)
        mixed = signal.sqrt() * latents + (1 - signal).sqrt() * noise
        with torch.autocast("cpu", torch.bfloat16):
            predicted = model(mixed, levels, texts).float()
        ratio = signal / (1 - signal)
        weight = ratio.clamp(max=SNR_LIMIT) / ratio
        loss: Tensor = (weight * (predicted - noise).square()).mean()
        return loss


def train(
    shards: Path, run: Path, minutes: float, rate: float = RATE, columns: int = COLUMNS
) -> Training:
    """Trains for so many minutes of wall time and returns what came of it."""
    config = read_small_config(FOLDER / "config.json")
    encoder = LatentEncoder.load(shards / "encoder.npz")
    sounds = Sounds(shards, encoder, SHARES, columns)
    rank = distributed.get_rank() if distributed.is_initialized() else 0
    training = Training(config, run)
    torch.manual_seed(training.step + rank)
    rng = np.random.default_rng([training.step, rank])
    began = saved = time.monotonic()
    losses: list[float] = []
    while not _over(began + 60 * minutes, training.step):
        losses.append(training.learn(sounds.draw(rng), sounds.empty, rate))
        met = training.step % TOGETHER == 0
        if rank == 0 and met and time.monotonic() - saved > SAVE_SECONDS:
            _report(training, sounds, losses, run)
            saved, losses = time.monotonic(), []
    if rank == 0:
        _report(training, sounds, losses, run)
    return training


def _over(end: float, step: int) -> bool:
    """Whether the time is over; all workers stop after the same step."""
    if step % TOGETHER:
        return False
    over = torch.tensor(float(time.monotonic() > end))
    if distributed.is_initialized():
        distributed.all_reduce(over)
    return bool(over > 0)


def _work(
    rank: int, workers: int, meeting: str, arguments: tuple[Path, Path, float, float]
) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=workers
    )
    train(*arguments)
    distributed.destroy_process_group()


def _report(training: Training, sounds: Sounds, losses: list[float], run: Path) -> None:
    facts = {
        "step": training.step,
        "cpu_seconds": round(time.process_time()),
        "workers": distributed.get_world_size() if distributed.is_initialized() else 1,
        "sounds": sounds.count,
        "loss": round(float(np.mean(losses)), 5),
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
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    given.run.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        arguments = (given.shards, given.run, given.minutes, given.rate)
        meeting = str(Path(folder) / "meeting")
        multiprocessing.spawn(_work, (given.workers, meeting, arguments), nprocs=given.workers)


if __name__ == "__main__":
    main()
