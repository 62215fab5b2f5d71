"""Many different texts and recordings through a running system: what memory each process takes.

    python -m benchmarks.soak [--texts 1000] [--conversions 300] [--sounds 100] [--lines 0]

Texts have 1 to 22 random words, recordings are 1 to 15 random seconds of a spoken one. `--lines`
are such texts in batches of 20, beside the rest. After 10 %, 50 % and 100 % of the requests all
users pause for `--pause` seconds, and memory is read: the
resident memory (RSS) of each process, and that of all together with shared pages counted once
(PSS). Prints the growth from the first reading to the last, and the CPU-seconds for each second of
audio, which tell whether the system becomes slower. Exits with 1 where a request failed, and beyond
`--most-growth` and `--most-gb`.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil
import soundfile

from benchmarks.processes import family, name_of
from pipelines import registry
from pipelines.settings import PipelineSettings
from serve_app.cli.client import Client, RequestFailed
from serve_app.cli.local_stack import local_stack
from serve_app.cli.ports import free_port
from serve_app.settings import Settings

READINGS = (0.1, 0.5, 1.0)
"""Shares of the work after which memory is read."""
VOICES = ("af_heart", "am_michael", "bf_emma", "bm_george")
SOUNDS = ("rain", "a dog barks", "thunder", "footsteps", "a bell rings", "wind", "applause")
SECONDS_OF_SOURCE = 20
LINES = 20
"""Of a batch."""
MB = 1 << 20

Act = Callable[[Client, random.Random], float]
"""One request of a user. Gives the seconds of audio that came of it."""


@dataclass
class Reading:
    """Memory in MB and CPU-seconds after some of the work."""

    done: int
    processes: dict[str, float]
    """RSS by process name; processes of the same name are added up."""
    pss: float
    cpu_per_audio_second: float = 0.0

    @property
    def rss(self) -> float:
        return sum(self.processes.values())


@dataclass
class Work:
    """The requests of a soak, in random order."""

    acts: list[Act]
    audio: float = 0.0
    failures: list[str] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)


def read(done: int) -> Reading:
    processes: dict[str, float] = {}
    pss = 0.0
    for process in family():
        try:
            name, memory = name_of(process), process.memory_full_info()
        except psutil.Error:
            continue
        processes[name] = processes.get(name, 0.0) + memory.rss / MB
        pss += memory.pss / MB
    return Reading(done, processes, pss)


def cpu() -> float:
    """CPU-seconds of all processes."""
    total = 0.0
    for process in family():
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def texts(file: Path) -> list[str]:
    """The words that texts are made of."""
    return [word for word in file.read_text().split() if word.isalpha()]


def finished(client: Client, clip: dict[str, object]) -> float:
    done = client.wait(str(clip["id"]), 900, lambda _: None)
    return float(done["audio"]["seconds"])


def speaking(words: list[str]) -> Act:
    def act(client: Client, chance: random.Random) -> float:
        text = " ".join(chance.choices(words, k=chance.randint(1, 22))) + "."
        return finished(client, client.speak(text, chance.choice(VOICES)))

    return act


def converting(source: Path) -> Act:
    def act(client: Client, chance: random.Random) -> float:
        wave, rate = soundfile.read(source, dtype="float32")
        count = round(chance.uniform(1, 15) * rate)
        first = chance.randrange(max(1, len(wave) - count))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "part.wav"
            soundfile.write(file, wave[first : first + count], rate)
            with client.uploaded(file) as upload:
                return finished(client, client.convert(upload, chance.choice(VOICES)))

    return act


def sounding(client: Client, chance: random.Random) -> float:
    seconds = round(chance.uniform(1, 10), 1)
    return finished(client, client.sound_effect(chance.choice(SOUNDS), duration=seconds))


def batching(words: list[str]) -> Act:
    def act(client: Client, chance: random.Random) -> float:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "lines.jsonl"
            lines = (" ".join(chance.choices(words, k=chance.randint(1, 22))) for _ in range(LINES))
            file.write_text("".join(json.dumps({"text": f"{line}."}) + "\n" for line in lines))
            defaults = {"voice": chance.choice(VOICES), "format": "flac"}
            upload = client.send(file, "application/x-ndjson")
            batch = client.create_batch(upload, secrets.token_hex(8), {"defaults": defaults})
            client.remove_upload(upload)  # the batch has a copy of it
        while batch["finished_at"] is None:
            time.sleep(1)
            batch = client.batch(batch["id"])
        if batch["lines"]["succeeded"] < LINES:
            raise RequestFailed(f"batch {batch['id']}: {batch['lines']}")
        return float(batch["audio_seconds"])

    return act


def record(client: Client, words: list[str], file: Path) -> None:
    """A spoken recording of some `SECONDS_OF_SOURCE`, from which parts are converted."""
    chance = random.Random(0)
    waves = []
    while sum(map(len, waves)) < SECONDS_OF_SOURCE * 24_000:
        text = " ".join(chance.choices(words, k=20)) + "."
        clip = client.speak(text, "af_heart")
        clip = client.wait(clip["id"], 900, lambda _: None)
        client.download(clip, file)
        waves.append(soundfile.read(file, dtype="float32")[0])
    soundfile.write(file, np.concatenate(waves), 24_000)


def soak(url: str, work: Work, users: int, pause: float, seed: int) -> None:
    """Every user makes one request after the other; all pause while memory is read."""

    def one(number: int) -> float:
        with Client(url, tokens[number % users]) as client:
            try:
                return work.acts[number](client, random.Random(f"{seed} {number}"))
            except RequestFailed as error:
                work.failures.append(str(error))
                return 0.0

    tokens = [sign_up(url) for _ in range(users)]
    done = 0
    with ThreadPoolExecutor(users) as pool:
        for share in READINGS:
            until = round(share * len(work.acts))
            before = cpu()
            audio = sum(pool.map(one, range(done, until)))
            spent = cpu() - before
            done = until
            time.sleep(pause)
            reading = read(done)
            reading.cpu_per_audio_second = spent / audio
            work.audio += audio
            work.readings.append(reading)
            print(f"{done}: {reading.rss:.0f} MB RSS, {reading.pss:.0f} MB PSS", flush=True)


def sign_up(url: str) -> str:
    """A new user's token."""
    body = {"email": f"{secrets.token_hex(6)}@example.com", "password": secrets.token_urlsafe(12)}
    token: str = httpx.post(f"{url}/api/sign-up", json=body, timeout=60).json()["token"]
    return token


def report(readings: list[Reading]) -> None:
    first, last = readings[0], readings[-1]
    print("\n| process | " + " | ".join(f"after {each.done}, MB" for each in readings), end="")
    print(" | growth |\n|---|" + "---|" * (len(readings) + 1))
    for name in sorted(last.processes, key=lambda name: -last.processes[name]):
        row = [each.processes.get(name, 0.0) for each in readings]
        print(f"| {name} | " + " | ".join(f"{each:.0f}" for each in row), end="")
        print(f" | {row[-1] / row[0] - 1:+.0%} |" if row[0] else " | new |")
    for title, kind in (("all, RSS", "rss"), ("all, PSS", "pss")):
        row = [getattr(each, kind) for each in readings]
        print(f"| {title} | " + " | ".join(f"{each:.0f}" for each in row), end="")
        print(f" | {row[-1] / row[0] - 1:+.1%} |")
    costs = " | ".join(f"{each.cpu_per_audio_second:.3f}" for each in readings)
    print(f"| CPU-s / audio-s | {costs} |", end="")
    print(f" {last.cpu_per_audio_second / first.cpu_per_audio_second - 1:+.1%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=1_000)
    parser.add_argument("--conversions", type=int, default=300)
    parser.add_argument("--sounds", type=int, default=100)
    parser.add_argument("--lines", type=int, default=0, help="in batches of 20")
    parser.add_argument("--users", type=int, default=4)
    parser.add_argument("--pause", type=float, default=15, help="seconds before each reading")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most-growth", type=float, help="of PSS, first to last, such as 0.05")
    parser.add_argument("--most-gb", type=float, help="PSS of all processes at the end")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    registry.fetch("revoice", PipelineSettings())
    words = texts(Path(__file__).with_name("utterances.txt"))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder) / "data",
            port=free_port(),
            throttle_starts=10**6,
            sign_up_credits=10**9,
        )
        source = Path(folder) / "source.wav"
        acts: list[Act] = [speaking(words)] * options.texts
        acts += [converting(source)] * options.conversions
        acts += [sounding] * options.sounds
        acts += [batching(words)] * (options.lines // LINES)
        random.Random(options.seed).shuffle(acts)
        work = Work(acts)
        url = f"http://{settings.host}:{settings.port}"
        with local_stack(settings, lambda _: None, free_port()):
            with Client(url, sign_up(url)) as client:
                record(client, words, source)
            started = time.monotonic()
            soak(url, work, options.users, options.pause, options.seed)
            took = time.monotonic() - started
    report(work.readings)
    print(f"\n{work.audio:.0f} s of audio in {took:.0f} s; failed: {len(work.failures)}")
    for failure in work.failures[:5]:
        print(failure)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in work.readings], indent=1))
    first, last = work.readings[0], work.readings[-1]
    grown = options.most_growth is not None and last.pss > first.pss * (1 + options.most_growth)
    large = options.most_gb is not None and last.pss > options.most_gb * 1_024
    sys.exit(1 if grown or large or work.failures else 0)


if __name__ == "__main__":
    main()
