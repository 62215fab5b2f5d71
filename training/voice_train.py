"""Trains the head that turns what Whisper hears into what Kokoro's decoder speaks.

    python -m training.voice_train --features features --run run --minutes 30

The run's folder keeps everything that is needed to go on: started again, it does. After each round
of validation the averaged weights are written to `head.safetensors` there.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.models.revoice.checkpoint import save_head
from pipelines.models.revoice.head import DIRECT_KERNEL, ContentHead, HeadConfig
from pipelines.runtime.lengths import Lengths
from training.voice_corpus import VALIDATION_EVERY

CROP = 200
"""Frames of a training example."""
BATCH = 8
AVERAGE = 0.998
VALIDATE_EVERY = 500
RATE, WEIGHT_DECAY, WARM_UP = 1e-3, 0.05, 200
CLASS_WEIGHT, ENERGY_WEIGHT = 1.0, 0.3
SMOOTHING = 0.05
RIDGE = 1e-3
MASKED_CHANNELS = 0.25
"""Share of Whisper's channels that an example does without."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    heard: Tensor
    levels: Tensor
    spoken: Tensor
    symbols: Tensor
    energy: Tensor

    @property
    def lengths(self) -> Lengths:
        return Lengths.of([self.heard.shape[1]] * len(self.heard), self.heard.device)


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """All windows of some shards, in memory, one after the other: what was heard in each frame,
    which token was spoken then, and what the tokens are. `spans` `[windows, 2]` are the frames
    where windows begin and end; examples are `crop` frames long."""

    heard: Tensor
    levels: Tensor
    tokens: Tensor
    energy: Tensor
    spoken: Tensor
    symbols: Tensor
    spans: NDArray[np.int64]
    crop: int = CROP

    @classmethod
    def read(cls, folder: Path, *, validation: bool, crop: int = CROP) -> Examples:
        """Every shard in all its copies; for the validation in the first only."""
        parts: dict[str, list[NDArray[np.generic]]] = defaultdict(list)
        first_token: dict[str, int] = {}
        # The first copies come first: they hold what was spoken.
        for path in sorted(folder.glob("*-*.npz"), key=lambda path: path.stem.split("-")[::-1]):
            shard, _, copy = path.stem.partition("-")
            if (int(shard) % VALIDATION_EVERY == 0) != validation or (validation and copy != "0"):
                continue
            arrays = np.load(path)
            if copy == "0":
                first_token[shard] = sum(map(len, parts["symbols"]))
                parts["spoken"].append(arrays["spoken"])
                parts["symbols"].append(arrays["symbols"].astype(np.int64))
            parts["tokens"].append(arrays["tokens"] + first_token[shard])
            parts["sizes"].append(np.diff(arrays["ends"], prepend=0))
            for name in ("heard", "levels", "energy"):
                parts[name].append(arrays[name])
        joined = {name: np.concatenate(arrays) for name, arrays in parts.items()}
        sizes = joined.pop("sizes")
        spans = np.stack([np.cumsum(sizes) - sizes, np.cumsum(sizes)], axis=1)
        tensors = {name: torch.from_numpy(array) for name, array in joined.items()}
        return cls(**tensors, spans=spans, crop=crop)

    @property
    def minutes(self) -> float:
        return len(self.heard) / 40 / 60

    def batch(self, starts: NDArray[np.int64]) -> Batch:
        rows = torch.from_numpy(starts[:, None] + np.arange(self.crop))
        tokens = self.tokens[rows].long()
        return Batch(
            self.heard[rows].float(),
            self.levels[rows].float(),
            self.spoken[tokens].float(),
            self.symbols[tokens],
            self.energy[rows].float(),
        )

    def starts(self) -> NDArray[np.int64]:
        """First frames of the crops that tile every window; shorter windows are left out."""
        crop = self.crop
        tiles = [np.arange(a, b - crop + 1, crop) for a, b in self.spans if b - a >= crop]
        return np.concatenate(tiles)

    def shuffled(self, random: np.random.Generator) -> Iterator[Batch]:
        """Batches without end, of crops begun anywhere inside windows."""
        fit = self.spans[self.spans[:, 1] - self.spans[:, 0] >= self.crop]
        room = fit[:, 1] - fit[:, 0] - self.crop + 1
        share = room + self.crop
        while True:
            chosen = random.choice(len(fit), BATCH, p=share / share.sum())
            yield self.batch(fit[chosen, 0] + random.integers(room[chosen]))


class Training:
    """The model, its average over the last steps, and the optimiser."""

    def __init__(self, config: HeadConfig, spread: Tensor, device: torch.device) -> None:
        self.model = ContentHead(config).to(device)
        self.average = deepcopy(self.model).requires_grad_(False).eval()
        self.spread = spread.to(device)
        self.device = device
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY, betas=(0.9, 0.98)
        )
        self.step = 0

    def begin_at(self, examples: Examples) -> None:
        """Every symbol's features begin as their mean in the corpus."""
        config = self.model.config
        sums = torch.zeros(config.symbols, config.spoken)
        sums.index_add_(0, examples.symbols, examples.spoken.float())
        counts = examples.symbols.bincount(minlength=config.symbols).clamp(min=1)
        for model in (self.model, self.average):
            model.usual.weight.data.copy_((sums / counts[:, None]).T)
            nn.init.zeros_(model.direct.weight)

    def advance(self, batch: Batch, rate: float) -> dict[str, float]:
        for group in self.optimiser.param_groups:
            group["lr"] = rate * min(1.0, (self.step + 1) / WARM_UP)
        kept = (torch.rand(len(batch.heard), 1, batch.heard.shape[2]) > MASKED_CHANNELS).float()
        batch = Batch(batch.heard * kept, batch.levels, batch.spoken, batch.symbols, batch.energy)
        losses = self.losses(self.model, batch)
        self.optimiser.zero_grad(set_to_none=True)
        losses["all"].backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        share = min(AVERAGE, self.step / (self.step + 20))
        with torch.no_grad():
            for mean, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(new, 1 - share)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def losses(self, model: ContentHead, batch: Batch) -> dict[str, Tensor]:
        """`features` is the error as a share of the variance of the text features."""
        with torch.autocast(self.device.type, torch.bfloat16):
            made = model(batch.heard.to(self.device), batch.levels.to(self.device), batch.lengths)
        target = batch.spoken.to(self.device).mT
        symbols = batch.symbols.to(self.device)
        logits = made.logits.float()
        features = ((made.asr.float() - target) / self.spread[:, None]).square().mean()
        energy = (made.energy.float() - batch.energy.to(self.device).flatten(1)).abs().mean()
        smooth = F.cross_entropy(logits, symbols, label_smoothing=SMOOTHING)
        return {
            "all": features + CLASS_WEIGHT * smooth + ENERGY_WEIGHT * energy,
            "features": features,
            "classes": F.cross_entropy(logits, symbols),
            "wrong": (logits.argmax(1) != symbols).float().mean(),
            "energy": energy,
        }

    @torch.no_grad()
    def validate(self, examples: Examples) -> dict[str, float]:
        starts = examples.starts()
        sums: dict[str, float] = {}
        for first in range(0, len(starts), BATCH):
            some = starts[first : first + BATCH]
            for name, loss in self.losses(self.average, examples.batch(some)).items():
                sums[name] = sums.get(name, 0.0) + float(loss) * len(some) / len(starts)
        return sums

    def save(self, path: Path) -> None:
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]


@torch.no_grad()
def fit_features(model: ContentHead, examples: Examples) -> None:
    """Solves for the linear layers before the text features, given all others: ridge regression of
    what the usual features of the symbols leave. Steps would take hours to get there."""
    width, kernel = model.config.width, DIRECT_KERNEL
    heard_size = model.config.heard
    inputs = width + kernel * heard_size + 1
    gram = torch.zeros(inputs, inputs, dtype=torch.float64)
    products = torch.zeros(inputs, model.config.spoken, dtype=torch.float64)
    starts = examples.starts()
    for first in range(0, len(starts), BATCH):
        batch = examples.batch(starts[first : first + BATCH])
        heard = model.normed(batch.heard, batch.lengths)
        hidden = model.hidden(heard, batch.levels, batch.lengths)
        usual = model.expected(model.symbols(hidden))
        near = F.unfold(heard.mT[:, :, None], (1, kernel), padding=(0, kernel // 2)).mT
        rows = torch.cat([hidden, near, torch.ones_like(hidden[..., :1])], dim=-1).flatten(0, 1)
        gram += (rows.T @ rows).double()
        products += (rows.T @ (batch.spoken - usual).flatten(0, 1)).double()
    gram.diagonal().add_(RIDGE * len(starts) * examples.crop)
    solved = torch.linalg.solve(gram, products).float()
    context, direct, bias = solved.split([width, kernel * heard_size, 1])
    model.context.weight.copy_(context.T)
    model.context.bias.copy_(bias[0])
    model.direct.weight.copy_(direct.T.reshape(-1, heard_size, kernel))
    if model.direct.bias is not None:
        nn.init.zeros_(model.direct.bias)


def train(
    features: Path, run: Path, minutes: float, config: HeadConfig, threads: int, crop: int = CROP
) -> None:
    """For so many minutes of wall time; the rate falls to nothing along half a cosine."""
    torch.set_num_threads(threads)
    run.mkdir(parents=True, exist_ok=True)
    examples = Examples.read(features, validation=False, crop=crop)
    held_out = Examples.read(features, validation=True, crop=crop)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    spread = examples.spoken.float().std(0).clamp(min=1e-3)
    training = Training(config, spread, device)
    training.begin_at(examples)
    if (run / "state.pt").exists():
        training.resume(run / "state.pt")
    parameters = sum(p.numel() for p in training.model.parameters()) / 1e6
    print(f"{examples.minutes:.0f} minutes, {parameters:.1f} M parameters", flush=True)
    batches = examples.shuffled(np.random.default_rng(training.step))
    begun, done = time.monotonic(), 0.0
    told: dict[str, float] = {}
    while done < 1.0:
        done = (time.monotonic() - begun) / (60 * minutes)
        rate = RATE * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        losses = training.advance(next(batches), rate)
        told = {name: told.get(name, loss) * 0.98 + loss * 0.02 for name, loss in losses.items()}
        if done >= 1.0:
            fit_features(training.average, examples)
        if training.step % VALIDATE_EVERY == 0 or done >= 1.0:
            seen = training.validate(held_out)
            print(f"step {training.step}", _shown(told), "| held out", _shown(seen), flush=True)
            training.save(run / "state.pt")
            save_head(training.average, run / "head.safetensors")


def _shown(losses: dict[str, float]) -> str:
    return " ".join(f"{name} {loss:.3f}" for name, loss in losses.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--width", type=int, default=HeadConfig().width)
    parser.add_argument("--blocks", type=int, default=HeadConfig().blocks)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    config = HeadConfig(width=options.width, blocks=options.blocks)
    train(options.features, options.run, options.minutes, config, options.threads)


if __name__ == "__main__":
    main()
