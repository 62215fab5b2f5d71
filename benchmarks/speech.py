"""Speech, side by side in one run: the bare pipeline, and the same through the whole system.

    python -m benchmarks.speech [--users 1 4 8] [--clips 3] [--json FILE]

Prints CPU-seconds per second of audio (of all processes together), the time from submission to the
finished clip, the time to the first audio, the same to the first bytes of a long text that is
listened to while it is made, what our own layers add (a pipeline of tones through the
same graph), the time until the server is ready and the peak memory of a vocoder replica. With
--latency only the waits of users: for a clip of tones, for its first bytes from the moment on at
which there is a segment of it, for a trivial request, here and of an application that does nothing,
and for the first bytes of four chunks.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks import bare_http
from pipelines.bare import BarePipeline
from pipelines.protocol import SpeechRequest
from pipelines.settings import PipelineSettings
from serve_app.cli.client import Client
from serve_app.cli.local_stack import local_stack
from serve_app.cli.ports import free_port
from serve_app.deployments.ray_environment import MALLOC, SHAPE_CACHES
from serve_app.settings import Settings

TEXTS = (
    "The morning train was late again, so we walked along the river and talked about the garden.",
    "Please put the kettle on. I will be there in a minute, and then we can look at the plans.",
    "Nobody had expected the small museum by the harbour to draw such a crowd on a rainy Tuesday.",
    "If you turn left after the bridge, you will see an old mill with a bright green door.",
)


def bare() -> dict[str, float]:
    """CPU-seconds per audio-second of the three stage objects; one thread, segment by segment."""
    pipeline = BarePipeline("styletts2", "kokoro", PipelineSettings(threads=1))
    costs: list[tuple[float, float, float]] = []
    for text in (TEXTS[0], *TEXTS):  # the first warms up
        start = time.process_time()
        acoustics = list(pipeline.acoustics(SpeechRequest(text, "af_heart")))
        middle = time.process_time()
        samples = sum(len(pipeline.waveform(acoustic)) for acoustic in acoustics)
        seconds = samples / pipeline.sample_rate
        costs.append((middle - start, time.process_time() - middle, seconds))
    warm = costs[1:]
    audio = sum(seconds for *_, seconds in warm)
    acoustic, vocoding = (sum(cost[n] for cost in warm) / audio for n in (0, 1))
    return {"acoustic": acoustic, "vocoder": vocoding, "cpu_per_audio_second": acoustic + vocoding}


def served(pipeline: str, users: list[int], clips: int) -> dict[str, Any]:
    """The same texts over HTTP, by several users at once."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder),
            port=free_port(),
            speech={"pipeline": pipeline},
            throttle_starts=10_000,
        )
        start = time.monotonic()
        with local_stack(settings, lambda _: None, free_port()):
            ready = time.monotonic() - start
            load(settings, 1, 1)  # warms up
            rows = {str(count): load(settings, count, clips) for count in users}
            for count in users:
                rows[str(count)]["first_byte_seconds"], _ = each_of(
                    settings, count, listen_to_speech, 1
                )
            peak = max(peak_memory("-vocoder"), default=0.0)
    return {"ready_seconds": ready, "vocoder_peak_gb": peak, "users": rows}


def load(settings: Settings, users: int, clips: int) -> dict[str, float]:
    """Each user submits clip after clip, waiting for each."""
    url = f"http://{settings.host}:{settings.port}"

    def one_user(_: int) -> list[tuple[float, dict[str, Any]]]:
        done = []
        with Client(url) as client:
            client.sign_up(f"{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(12))
            for n in range(clips):
                start = time.monotonic()
                clip = client.speak(TEXTS[n % len(TEXTS)], "af_heart")
                clip = client.wait(clip["id"], 600, lambda _: None)
                done.append((time.monotonic() - start, clip))
        return done

    before, start = tree_cpu(), time.monotonic()
    with ThreadPoolExecutor(users) as pool:
        done = [each for user in pool.map(one_user, range(users)) for each in user]
    elapsed, cpu = time.monotonic() - start, tree_cpu() - before
    audio = sum(clip["audio"]["seconds"] for _, clip in done)
    return {
        "cpu_per_audio_second": cpu / audio,
        "audio_seconds_per_second": audio / elapsed,
        "finished_seconds": statistics.median(seconds for seconds, _ in done),
        "first_audio_seconds": statistics.median(
            clip["timings"]["first_audio_seconds"] for _, clip in done
        ),
    }


WAITS = 20
"""Clips of one user for each figure of `waits`."""


def latency(users: list[int], pipelines: list[str]) -> dict[str, Any]:
    """What users wait for, by number of users; each figure is (p50, p95) [s]."""
    result: dict[str, Any] = {}
    for pipeline in pipelines:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(
                data_dir=Path(folder),
                port=free_port(),
                speech={"pipeline": pipeline},
                conversion={"pipeline": "off"},
                sound_effects={"pipeline": "off"},
                throttle_starts=10_000,
            )
            with local_stack(settings, lambda _: None, free_port()):
                if pipeline == "noop":
                    each_of(settings, 1, wait_for_clip, 3)  # warms up
                    result["trivial request"] = {"1": each_of(settings, 1, ask, WAITS)}
                    result["the same of a bare FastAPI"] = {"1": of_bare_http()}
                    result["clip of tones"] = {
                        str(count): each_of(settings, count, wait_for_clip, WAITS)
                        for count in users
                    }
                    result["first bytes after the first segment"] = {
                        str(count): each_of(settings, count, listen_to_tones, WAITS)
                        for count in users
                    }
                else:
                    result["first bytes of the first clip ever"] = {
                        "1": each_of(settings, 1, listen_to_speech, 1)
                    }
                    result["first bytes of four chunks"] = {
                        str(count): each_of(settings, count, listen_to_speech, 1) for count in users
                    }
    return result


def each_of(
    settings: Settings, users: int, act: Callable[[Client], float], times: int
) -> tuple[float, float]:
    """p50 and p95 of what each of some users does, so often one after another."""

    def one_user(_: int) -> list[float]:
        with Client(f"http://{settings.host}:{settings.port}") as client:
            client.sign_up(f"{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(12))
            return [act(client) for _ in range(times)]

    with ThreadPoolExecutor(users) as pool:
        return middle_and_tail([each for user in pool.map(one_user, range(users)) for each in user])


def middle_and_tail(taken: list[float]) -> tuple[float, float]:
    """p50 and p95."""
    taken = sorted(taken)
    return statistics.median(taken), taken[max(0, -(-len(taken) * 95 // 100) - 1)]


def of_bare_http() -> tuple[float, float]:
    """p50 and p95 of a request to an application that does nothing, by the same client."""
    with bare_http.serving() as url, Client(url) as client:
        return middle_and_tail([ask(client) for _ in range(WAITS)])


def ask(client: Client) -> float:
    start = time.monotonic()
    client.me()
    return time.monotonic() - start


def wait_for_clip(client: Client) -> float:
    start = time.monotonic()
    clip = client.speak("Hello.", "af_heart")
    client.wait(clip["id"], 60, lambda _: None)
    return time.monotonic() - start


def listen_to_tones(client: Client) -> float:
    """From the moment on at which the worker had the first segment, by its own timings."""
    clip = client.speak(" ".join(TEXTS), "af_heart")
    with client.listen(clip["id"]) as blocks:
        next(blocks)
        heard = time.time()
        for _block in blocks:
            continue
    made = client.wait(clip["id"], 60, lambda _: None)
    begun = datetime.fromisoformat(made["started_at"]).timestamp()
    return heard - begun - float(made["timings"]["first_audio_seconds"])


def listen_to_speech(client: Client) -> float:
    start = time.monotonic()
    clip = client.speak(" ".join(TEXTS), "af_heart")
    with client.listen(clip["id"]) as blocks:
        next(blocks)
        heard = time.monotonic() - start
        for _block in blocks:
            continue
    return heard


def tree_cpu() -> float:
    """CPU-seconds of this process and all below it."""
    here = psutil.Process()
    times = []
    for process in (here, *here.children(recursive=True)):
        try:
            times.append(process.cpu_times())
        except psutil.NoSuchProcess:
            continue
    return sum(each.user + each.system for each in times)


def peak_memory(name: str) -> list[float]:
    """Peak resident memory, in GB, of the processes below this one with `name` in their title."""
    peaks = []
    for process in psutil.Process().children(recursive=True):
        try:
            title = " ".join(process.cmdline())
            status = Path(f"/proc/{process.pid}/status").read_text()
        except (psutil.Error, OSError):
            continue
        if name in title and "VmHWM" in status:
            peaks.append(int(status.split("VmHWM:")[1].split()[0]) / 1e6)
    return peaks


def report(result: dict[str, Any]) -> None:
    alone = result["bare"]
    print(f"\nbare pipeline: {alone['cpu_per_audio_second']:.3f} CPU-s per audio-s", end=" ")
    print(f"(acoustic {alone['acoustic']:.3f}, vocoder {alone['vocoder']:.3f})\n")
    print(
        "| graph | users | CPU-s / audio-s | audio-s / s | clip finished, s | first audio, s "
        "| first byte of four chunks, s |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in ("kokoro", "noop"):
        for users, row in result[name]["users"].items():
            figures = [f"{value:.3f}" for value in row.values()]
            print(f"| {name} | {users} | {' | '.join(figures)} |")
    print(f"\nready after {result['kokoro']['ready_seconds']:.1f} s;", end=" ")
    print(f"vocoder replica peak {result['kokoro']['vocoder_peak_gb']:.2f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--clips", type=int, default=3, help="clips of each user")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--pipelines", nargs="+", default=["noop", "kokoro"], help="of --latency")
    parser.add_argument("--latency", action="store_true", help="only what users wait for")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare:
        print(json.dumps(bare()))
        return
    if arguments.latency:
        waits = latency(arguments.users, arguments.pipelines)
        print("| what | users | p50, s | p95, s |\n|---|---|---|---|")
        for what, rows in waits.items():
            for users, (p50, p95) in rows.items():
                print(f"| {what} | {users} | {p50:.3f} | {p95:.3f} |")
        return
    environment = {**os.environ, **MALLOC, **SHAPE_CACHES, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.speech", "--bare"]
    alone = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    result = {"bare": json.loads(alone.stdout)}
    for pipeline in ("kokoro", "noop"):
        result[pipeline] = served(pipeline, arguments.users, arguments.clips)
    report(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
