"""Ten times the capacity for a minute: latency grows, memory does not, and nothing is lost.

    python -m benchmarks.overload

A whole system on loopback with the no-op pipeline. First its capacity is measured with a line that
never runs empty. Then the requests of a minute come at ten times that rate, or as fast as they are
answered; refusals with 429 or 503 are counted, and their senders do not wait as they are told to.
At last the line empties.
Prints what was accepted and refused, how long it took, the memory of all processes, and what the
database and the store have in the end. Exits with 1 where anything is lost or charged wrongly.
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from sqlalchemy import func, select

from serve_app.cli.local_stack import local_stack
from serve_app.cli.ports import free_port
from serve_app.db.engine import Database
from serve_app.db.models import PENDING, Clip, LedgerEntry, User
from serve_app.settings import Settings
from serve_app.storage.object_keys import RESULT_PREFIXES
from serve_app.storage.store import ObjectStore

USERS = 20
SENDERS = 40
PRICE = 1
CREDITS = 1_000_000
TEXT = "A sentence of the length that people send, which becomes a few seconds of audio."


@dataclass
class Answers:
    """What became of the requests."""

    accepted: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def send(self, http: httpx.Client, token: str) -> None:
        begun = time.monotonic()
        headers = {"Authorization": f"Bearer {token}"}
        body = {"text": TEXT, "voice": "woman"}
        try:
            answer = http.post("/api/speech", json=body, headers=headers)
        except httpx.HTTPError as error:
            self.refused[type(error).__name__] += 1
            return
        self.seconds.append(time.monotonic() - begun)
        if answer.status_code == 202:
            self.accepted.append(answer.json()["id"])
            return
        if not answer.headers.get("Retry-After"):
            raise RuntimeError(f"{answer.status_code} without Retry-After: {answer.text}")
        self.refused[answer.json()["error"]["code"]] += 1


class Memory:
    """Samples of the memory of this process and all below it, what they share counted once."""

    def __init__(self) -> None:
        self.gigabytes: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(2):
            root = psutil.Process()
            taken = 0
            for each in (root, *root.children(recursive=True)):
                try:
                    taken += each.memory_full_info().pss
                except psutil.NoSuchProcess:
                    continue
            self.gigabytes.append(round(taken / 2**30, 2))


def sign_up(url: str) -> str:
    """A new user's token."""
    body = {"email": f"{secrets.token_hex(6)}@example.com", "password": secrets.token_urlsafe(12)}
    token: str = httpx.post(f"{url}/api/sign-up", json=body, timeout=60).json()["token"]
    return token


def load(url: str, tokens: list[str], rate: float, seconds: float) -> Answers:
    """Requests for `seconds` at `rate` a second from all senders together; who is late sends at
    once, so that where answers are slow it takes longer until all are sent."""
    answers = Answers()
    end = time.monotonic() + seconds

    def send(number: int) -> None:
        due = time.monotonic() + number / rate
        with httpx.Client(base_url=url, timeout=60) as http:
            while due < end:
                time.sleep(max(0.0, due - time.monotonic()))
                answers.send(http, tokens[number % len(tokens)])
                due += SENDERS / rate

    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(send, range(SENDERS)))
    return answers


def drain(database: Database, seconds: float) -> float:
    """Waits until nothing is pending; how long that took."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        with database.reading() as session:
            if not session.scalar(select(func.count()).select_from(Clip).where(PENDING)):
                return time.monotonic() - begun
        time.sleep(0.5)
    raise RuntimeError(f"clips are pending after {seconds} s")


def capacity(database: Database, url: str, token: str, clips: int) -> float:
    """Clips per second of a line that is full from the first to the last."""
    answers = Answers()
    begun = time.monotonic()
    with httpx.Client(base_url=url, timeout=60) as http:
        for _ in range(clips):
            answers.send(http, token)
    drain(database, 600)
    return len(answers.accepted) / (time.monotonic() - begun)


def verify(database: Database, store: ObjectStore, accepted: list[str]) -> dict[str, int]:
    """What is wrong: all should be 0."""
    with database.reading() as session:
        rows = {clip.id: clip for clip in session.scalars(select(Clip))}
        charged = Counter(session.scalars(select(LedgerEntry.clip_id)).all())
        spent = CREDITS * USERS - sum(session.scalars(select(User.balance)).all())
    stored = set(store.keys(RESULT_PREFIXES["styletts2"]))
    made = {clip.id for clip in rows.values() if clip.s3_key in stored}
    return {
        "accepted and not there": len(set(accepted) - set(rows)),
        "not succeeded": sum(clip.s3_key is None for clip in rows.values()),
        "without audio": len(set(rows) - made),
        "objects without a clip": len(stored) - len(made),
        "not charged once": sum(charged[clip_id] != 1 for clip_id in rows),
        "credits astray": abs(spent - PRICE * len(rows)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--times", type=float, default=10, help="of the capacity")
    parser.add_argument("--max-pending", type=int, default=1_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder),
            port=free_port(),
            speech={"pipeline": "noop"},
            throttle_starts=10**6,
            sign_up_credits=CREDITS,
            clip_credits=PRICE,
            max_pending=options.max_pending,
        )
        with local_stack(settings, lambda _: None, free_port()) as stack:
            url = f"http://{settings.host}:{settings.port}"
            database = Database(stack.settings.database())
            tokens = [sign_up(url) for _ in range(USERS)]
            capacity(database, url, tokens[0], 10)  # warms up
            most = capacity(database, url, tokens[0], 100)
            print(f"capacity: {most:.1f} clips/s", flush=True)
            with Memory() as memory:
                begun = time.time()
                answers = load(url, tokens, options.times * most, options.seconds)
                took = time.time() - begun
                under_load = len(memory.gigabytes)
                emptied = drain(database, 1_800)
            offered = len(answers.accepted) + sum(answers.refused.values())
            with database.reading() as session:
                waits = session.scalars(
                    select(Clip.finished_at - Clip.created_at).where(Clip.created_at >= begun)
                ).all()
            figures = {
                "sent within, s": round(took, 1),
                "offered per second": round(offered / took, 1),
                "accepted": len(answers.accepted),
                "refused": dict(answers.refused),
                "answer p50, p95, s": _quantiles(answers.seconds),
                "clip done p50, p95, s": _quantiles([each for each in waits if each is not None]),
                "emptied after, s": round(emptied, 1),
                "GB under load": memory.gigabytes[:under_load],
                "GB afterwards": memory.gigabytes[under_load:][-5:],
            }
            wrong = verify(database, ObjectStore(stack.settings), answers.accepted)
            database.dispose()
    print(json.dumps(figures, indent=1))
    print(json.dumps(wrong, indent=1))
    sys.exit(1 if any(wrong.values()) else 0)


def _quantiles(seconds: list[float]) -> list[float]:
    cuts = statistics.quantiles(seconds, n=20)
    return [round(cuts[9], 2), round(cuts[18], 2)]


if __name__ == "__main__":
    main()
