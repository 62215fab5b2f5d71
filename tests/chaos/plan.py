"""The plan of a run: submissions and injected faults, determined by the seed."""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass, replace
from typing import Any

from tests.chaos.proxy import Fault

SERVICES = ("styletts2", "seedvc", "make-an-audio")
STAGES = tuple(
    f"{service}-{stage}" for service in SERVICES for stage in ("frontend", "diffusion", "vocoder")
)
_SHARES = (0.84, 0.08, 0.08)
"""Of the clips, by service: two of the three compute."""
_FORMATS = ("wav", "wav", "mp3", "flac", "opus")
_LONG_SHARE = 0.02
_LONG_CHARACTERS = 5_000
"""Five minutes of WAV: uploaded in three parts."""


class Then(enum.StrEnum):
    """What the user does about a clip that was accepted."""

    KEEP = "keeps it"
    CANCEL = "cancels it"
    DELETE = "deletes it when it has ended"
    LISTEN = "listens while it is made"


_THEN_SHARES = {Then.KEEP: 0.72, Then.CANCEL: 0.12, Then.DELETE: 0.08, Then.LISTEN: 0.08}


@dataclass(frozen=True, slots=True)
class Submission:
    """One request for a clip. `at` and `after` are seconds: of the run, and of its acceptance."""

    at: float
    user: int
    service: str
    body: dict[str, Any]
    key: str | None
    """The Idempotency-Key. A request with one is repeated until it is answered."""
    repeats: int
    """So often the same request is sent again after it was answered: without a key, for another
    clip."""
    then: Then
    after: float


class Injection(enum.StrEnum):
    """A fault injected into a part of the system."""

    KILL = "SIGKILL to a replica of"
    PRESSURE = "more memory than it may have in a replica of"
    POSTGRES_FAST = "fast restart of PostgreSQL"
    POSTGRES_IMMEDIATE = "immediate restart of PostgreSQL"
    POSTGRES_PAUSE = "PostgreSQL stands still"
    ROW_HELD = "the row of a user is locked"
    STORE_RESTART = "restart of SeaweedFS"
    STORE_KILL = "SIGKILL to SeaweedFS and a new start"
    STORE_FAULT = "the object store"
    STACK_RESTART = "restart of the whole stack"
    STACK_KILL = "SIGKILL to the whole stack and a new start"


@dataclass(frozen=True, slots=True)
class Event:
    at: float
    injection: Injection
    replica: str = ""
    fault: Fault | None = None
    share: float = 1.0
    user: int = 0
    """Whose row is locked."""
    seconds: float = 0.0
    """Duration of a fault that ends by itself."""

    def __str__(self) -> str:
        if self.fault is not None:
            return f"{self.injection} {self.fault} for {self.seconds:.0f} s ({self.share:.0%})"
        if self.seconds:
            return f"{self.injection} for {self.seconds:.0f} s"
        return f"{self.injection} {self.replica}".strip()


@dataclass(frozen=True, slots=True)
class Size:
    """How much happens."""

    users: int
    clips: int
    seconds: float
    """The period of submissions and injections."""
    injections: dict[Injection, int]
    worker_kills: int
    ingress_kills: int
    stage_kills: int
    store_faults: int
    """Of each fault of the store."""
    pauses: int = 1
    pause_seconds: float = 5.0
    """Of the database."""
    held_rows: int = 1
    held_seconds: float = 10.0
    pressures: int = 1
    """Replicas of stages that are over their bound of memory."""


LONG = Size(
    users=20,
    clips=1_050,
    seconds=330,
    injections={
        Injection.POSTGRES_FAST: 2,
        Injection.POSTGRES_IMMEDIATE: 2,
        Injection.STORE_RESTART: 1,
        Injection.STORE_KILL: 1,
        Injection.STACK_RESTART: 1,
        Injection.STACK_KILL: 1,
    },
    worker_kills=4,
    ingress_kills=2,
    stage_kills=4,
    store_faults=2,
    pauses=2,
    pause_seconds=12.0,
    held_rows=2,
    held_seconds=60.0,
    pressures=3,
)
SHORT = Size(
    users=4,
    clips=60,
    seconds=25,
    injections={Injection.POSTGRES_IMMEDIATE: 1, Injection.STORE_KILL: 1},
    worker_kills=1,
    ingress_kills=0,
    stage_kills=1,
    store_faults=1,
)


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    size: Size
    submissions: list[Submission]
    """In order of time."""
    events: list[Event]
    """In order of time."""


def make(seed: int, size: Size) -> Plan:
    chance = random.Random(seed)
    submissions = [_submission(chance, size, number) for number in range(size.clips)]
    submissions.sort(key=lambda each: each.at)
    return Plan(seed, size, submissions, _events(chance, size))


def _submission(chance: random.Random, size: Size, number: int) -> Submission:
    service = chance.choices(SERVICES, _SHARES)[0]
    keyed = chance.random() < 0.9
    return Submission(
        at=chance.uniform(0, size.seconds),
        user=number % size.users,
        service=service,
        body=_body(chance, service, number),
        key=f"order-{number}" if keyed else None,
        repeats=chance.choices((0, 1, 2), (0.7, 0.2, 0.1))[0],
        then=chance.choices(list(_THEN_SHARES), list(_THEN_SHARES.values()))[0],
        after=chance.expovariate(1.0),
    )


def _body(chance: random.Random, service: str, number: int) -> dict[str, Any]:
    common = {"seed": chance.randrange(2**32), "format": chance.choice(_FORMATS)}
    if service == "seedvc":
        return {**common, "voice": "af_heart", "steps": 1, "guidance": 0.0}
    if service == "make-an-audio":
        prompt = f"Rain on a tin roof, number {number}."
        return {**common, "prompt": prompt, "duration": 0.5, "steps": 1, "guidance": 1.0}
    text = f"Sentence number {number} of a busy day. " * chance.randint(1, 6)
    if chance.random() < _LONG_SHARE:
        text, common["format"] = "A long story. " * (_LONG_CHARACTERS // 14), "wav"
    return {**common, "text": text, "voice": "af_heart"}


def _events(chance: random.Random, size: Size) -> list[Event]:
    """One in each of as many equal stretches of time, so that none hides another."""
    undated = [Event(0, blow) for blow, count in size.injections.items() for _ in range(count)]
    kills = ["worker"] * size.worker_kills + ["ingress"] * size.ingress_kills
    kills += [chance.choice(STAGES) for _ in range(size.stage_kills)]
    undated += [Event(0, Injection.KILL, replica=replica) for replica in kills]
    undated += [
        Event(0, Injection.PRESSURE, replica=chance.choice(STAGES)) for _ in range(size.pressures)
    ]
    undated += [_store_fault(chance, fault) for fault in Fault for _ in range(size.store_faults)]
    undated += [
        Event(0, Injection.POSTGRES_PAUSE, seconds=size.pause_seconds) for _ in range(size.pauses)
    ]
    undated += [
        Event(0, Injection.ROW_HELD, user=chance.randrange(size.users), seconds=size.held_seconds)
        for _ in range(size.held_rows)
    ]
    chance.shuffle(undated)
    stretch = size.seconds / len(undated)
    return [
        replace(event, at=(number + chance.random()) * stretch)
        for number, event in enumerate(undated)
    ]


def _store_fault(chance: random.Random, fault: Fault) -> Event:
    share = 0.4 if fault in (Fault.CUT, Fault.DEAF) else 1.0
    seconds = chance.uniform(2, 6)
    return Event(0, Injection.STORE_FAULT, fault=fault, share=share, seconds=seconds)
