"""Plays a trace against one way of batching, in virtual time or in that of a real network."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from benchmarks.batching.costs import Work, passes
from benchmarks.batching.traces import Clip
from serve_app.batching.fair_queue import Ticket
from serve_app.batching.step_loop import Stage, StepLoop

PARALLEL = 4
"""Segments of one clip in the stage at a time, as the worker sends them."""


class Clock(Protocol):
    def now(self) -> float: ...
    def wait(self, until: float) -> None: ...


@dataclass(slots=True)
class VirtualClock:
    """Moves only when told to."""

    time: float = 0.0

    def now(self) -> float:
        return self.time

    def wait(self, until: float) -> None:
        self.time = max(self.time, until)

    def spend(self, seconds: float) -> None:
        self.time += seconds


class ComputingClock:
    """CPU-seconds of this process, with idle time skipped: what a machine that has nothing else to
    do, and one thread for this, would take."""

    def __init__(self) -> None:
        self._skipped = -time.process_time()

    def now(self) -> float:
        return time.process_time() + self._skipped

    def wait(self, until: float) -> None:
        self._skipped += max(0.0, until - self.now())


class Batcher(Protocol):
    """A way of batching. `wake` is when `tick` has something to do, or None."""

    def submit(self, ticket: Ticket, item: Any) -> None: ...
    def wake(self) -> float | None: ...
    def tick(self) -> Iterable[str]:
        """Does one piece of work; the keys of the segments that are done."""
        ...


class BySteps:
    """The loop of the service."""

    def __init__(self, loop: StepLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self.submit = loop.submit

    def wake(self) -> float | None:
        return self._clock.now() if self._loop.busy else None

    def tick(self) -> list[str]:
        outcomes = self._loop.tick()
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
        return [outcome.ticket.key for outcome in outcomes]


class ByRequest:
    """Batches of whole requests in order of arrival, as `ray.serve.batch` forms them: from the
    moment the replica is free and something is there, `window` seconds or until `most` are there.
    All of a batch leave together. They run the longest schedule among them, as with models that
    take one number of steps for a whole batch, or, where `shrinking`, each only its own.
    """

    def __init__(
        self, stage: Stage, clock: Clock, most: int, window: float, shrinking: bool = False
    ) -> None:
        self._stage = stage
        self._clock = clock
        self._most = most
        self._window = window
        self._shrinking = shrinking
        self._queue: deque[tuple[Ticket, Any]] = deque()
        self._collecting: float | None = None

    def submit(self, ticket: Ticket, item: Any) -> None:
        if not self._queue:
            self._collecting = self._clock.now()
        self._queue.append((ticket, item))

    def wake(self) -> float | None:
        if self._collecting is None:
            return None
        full = len(self._queue) >= self._most
        return self._clock.now() if full else self._collecting + self._window

    def tick(self) -> list[str]:
        batch = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
        self._run([item for _, item in batch])
        self._collecting = self._clock.now() if self._queue else None
        return [ticket.key for ticket, _ in batch]

    def _run(self, items: Sequence[Any]) -> None:
        if not self._shrinking:
            steps = max(item.steps for item in items)
            items = [replace(item, steps=steps) for item in items]
        states = self._stage.begin(items)
        while left := [state for state in states if state.steps_left]:
            self._stage.step(left)
        self._stage.finish(states)


@dataclass(slots=True)
class Watched:
    """A stage that keeps count of its steps, their members and the size of their passes."""

    stage: Stage
    layout: str
    length: Callable[[Any], int]
    steps: int = 0
    members: int = 0
    computed: int = 0

    def begin(self, segments: Sequence[Any]) -> Sequence[Any]:
        return self.stage.begin(segments)

    def step(self, states: Sequence[Any]) -> None:
        self.steps += 1
        self.members += len(states)
        self.computed += sum(passes(self.layout, [self.length(state) for state in states]))
        self.stage.step(states)

    def finish(self, states: Sequence[Any]) -> Sequence[Any]:
        return self.stage.finish(states)


@dataclass(slots=True)
class _Run:
    """A clip being worked at: its segments to come, and those sent, in order."""

    clip: Clip
    coming: deque[int]
    sent: deque[str] = field(default_factory=deque)
    done: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Times:
    """Seconds from the arrival of each clip to its first segment and to its last."""

    first: list[float] = field(default_factory=list)
    finished: list[float] = field(default_factory=list)
    end: float = 0.0


def replay(
    clips: Sequence[Clip], batcher: Batcher, clock: Clock, item: Callable[[Work], Any]
) -> Times:
    """Sends every clip at its time, and its segments as the worker would: a few at once, the next
    when the first of those under way is done."""
    coming = deque(clips)
    runs: dict[str, _Run] = {}
    times = Times()

    def send(name: str, run: _Run) -> None:
        while run.coming and len(run.sent) < PARALLEL:
            index = run.coming.popleft()
            work = run.clip.segments[index]
            key = f"{name}/{index}"
            run.sent.append(key)
            batcher.submit(Ticket(key, run.clip.user, index, work.length), item(work))

    while coming or runs:
        wake = batcher.wake()
        if coming and (wake is None or coming[0].arrival <= max(wake, clock.now())):
            clip = coming.popleft()
            clock.wait(clip.arrival)
            name = str(len(clips) - len(coming))
            runs[name] = _Run(clip, deque(range(len(clip.segments))))
            send(name, runs[name])
            continue
        assert wake is not None
        clock.wait(wake)
        for key in batcher.tick():
            name, _, index = key.partition("/")
            run = runs[name]
            run.done.add(key)
            waited = clock.now() - run.clip.arrival
            if index == "0":
                times.first.append(waited)
            while run.sent and run.sent[0] in run.done:
                run.sent.popleft()
            send(name, run)
            if not run.sent:
                del runs[name]
                times.finished.append(waited)
    times.end = clock.now()
    return times
