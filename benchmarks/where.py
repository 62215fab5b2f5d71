"""Where the processor time of a running system goes, by process and thread.

    python -m benchmarks.where [--seconds 60] [--users 4] [--pipeline kokoro] [--threads]

Starts `bernie up` on its defaults, waits until it is quiet, and counts for so many seconds while it
is idle, and then while users ask for one sentence after the other. Prints the share of a core that
each process takes, with `--threads` also that of each thread, and for the load the CPU-seconds for
each second of audio. Kokoro is compared with bare pipelines, as many at once as there are cores,
before and after. Needs Linux.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.bare_at_once import VOICE, Made, at_once
from benchmarks.processes import family, name_of
from benchmarks.soak import sign_up
from pipelines.runtime.cores import usable_cores
from serve_app.cli.client import Client
from serve_app.cli.local_stack import local_stack
from serve_app.cli.ports import free_port
from serve_app.settings import Settings

QUIET_SECONDS = 20
BARE_TEXTS = 24
LEAST_SHARE = 0.002
"""Of a core. What takes less is not printed by itself."""
TICKS = os.sysconf("SC_CLK_TCK")
TEXT = (
    "The kettle is on, and the kitchen is warm. He came home late that night, and nobody had "
    "waited up. In the morning the snow lay deep over the garden and the road."
)

Spent = Counter[tuple[str, str]]
"""CPU-seconds by process and thread."""


def spent() -> Spent:
    """Since each thread began."""
    found: Spent = Counter()
    for process in family():
        try:
            name = name_of(process)
            for thread in Path(f"/proc/{process.pid}/task").iterdir():
                title, _, rest = (thread / "stat").read_text().rpartition(")")
                fields = rest.split()
                seconds = (int(fields[11]) + int(fields[12])) / TICKS
                found[name, title.partition("(")[2]] += seconds
        except (psutil.Error, OSError):
            continue
    return found


def counted(seconds: float) -> tuple[Spent, float]:
    """What is spent from now on, and in what time."""
    before, begun = spent(), time.monotonic()
    time.sleep(seconds)
    after = spent()
    after.subtract(before)
    return after, time.monotonic() - begun


def report(title: str, found: Spent, seconds: float, threads: bool) -> None:
    print(f"\n{title}: {sum(found.values()) / seconds:.1%} of a core")
    processes: Counter[str] = Counter()
    for (process, _), each in found.items():
        processes[process] += each
    for process, total in processes.most_common():
        if total / seconds < LEAST_SHARE:
            continue
        print(f"  {total / seconds:7.1%}  {process}")
        own = Counter({thread: each for (of, thread), each in found.items() if of == process})
        for thread, each in own.most_common() if threads else ():
            if each / seconds >= LEAST_SHARE:
                print(f"    {each / seconds:7.1%}  {thread}")


@contextmanager
def speaking(url: str, users: int) -> Iterator[Counter[str]]:
    """So many users ask for one clip after the other; counts seconds of audio and clips."""
    made: Counter[str] = Counter()
    ended = threading.Event()

    def one(token: str) -> None:
        with Client(url, token) as client:
            while not ended.is_set():
                clip = client.speak(TEXT, VOICE)
                done = client.wait(clip["id"], 900, lambda _: None)
                made["audio"] += round(1000 * float(done["audio"]["seconds"]))
                made["clips"] += 1

    crowd = [threading.Thread(target=one, args=(sign_up(url),)) for _ in range(users)]
    for each in crowd:
        each.start()
    try:
        yield made
    finally:
        ended.set()
        for each in crowd:
            each.join()


def say(whose: str, made: Made) -> None:
    cost = 1 / made.per_cpu_second
    print(f"{whose}: {made.per_second:.2f} s of audio a second, {cost:.3f} CPU-s for each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--users", type=int, default=4)
    parser.add_argument("--pipeline", default="kokoro")
    parser.add_argument("--threads", action="store_true")
    options = parser.parse_args()
    cores, bare = usable_cores(), []
    if options.pipeline == "kokoro":
        bare.append(at_once([TEXT] * BARE_TEXTS, cores))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder) / "data",
            port=free_port(),
            throttle_starts=10**6,
            sign_up_credits=10**9,
            speech=Settings().speech.model_copy(update={"pipeline": options.pipeline}),
        )
        url = f"http://{settings.host}:{settings.port}"
        begun = time.monotonic()
        with local_stack(settings, lambda _: None, free_port()):
            print(f"ready after {time.monotonic() - begun:.1f} s")
            time.sleep(QUIET_SECONDS)
            report("idle", *counted(options.seconds), options.threads)
            with speaking(url, options.users) as made:
                time.sleep(QUIET_SECONDS / 2)
                before = made["audio"]
                found, seconds = counted(options.seconds)
                served = Made((made["audio"] - before) / 1000, sum(found.values()), seconds)
            report(f"{options.users} users", found, seconds, options.threads)
    if options.pipeline == "kokoro":
        bare.append(at_once([TEXT] * BARE_TEXTS, cores))
    if served.audio:
        say(f"{options.users} users", served)
    for each in bare:
        say(f"{cores} bare pipelines at once", each)
        print(
            f"  {served.per_second / each.per_second:.2f} of their audio a second, "
            f"{each.per_cpu_second / served.per_cpu_second:.2f} of their CPU-seconds"
        )


if __name__ == "__main__":
    main()
