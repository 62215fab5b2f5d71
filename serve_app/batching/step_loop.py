"""Continuous batching by step: the loop that one stage replica runs. Pure Python; the computation
and the clock are injected.

Every tick drops cancelled segments, admits those that fit in the order of `fair_queue`, advances
one batch by one step, and returns the finished ones. A segment joins at the next step and leaves
when its own schedule ends, independently of the rest of the batch. A stage without steps (front
end, vocoder, a distilled model) is the same loop with zero of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

from serve_app.batching.fair_queue import FairQueue, QueuedItem, Ticket


class Stage(Protocol):
    """What the loop drives. See `pipelines.protocol.Diffusion`."""

    def begin(self, segments: Sequence[Any]) -> Sequence[Any]: ...
    def step(self, states: Sequence[Any]) -> None: ...
    def finish(self, states: Sequence[Any]) -> Sequence[Any]: ...


@dataclass(slots=True)
class _OneShotState:
    item: Any
    steps_left: int = 0


class OneShot:
    """A function over a batch as a stage of zero steps."""

    def __init__(self, function: Callable[[Sequence[Any]], Sequence[Any]]) -> None:
        self._function = function

    def begin(self, segments: Sequence[Any]) -> Sequence[Any]:
        return [_OneShotState(item) for item in segments]

    def step(self, states: Sequence[Any]) -> None:  # noqa: ARG002 - part of the protocol
        raise AssertionError("a stage of zero steps is never stepped")

    def finish(self, states: Sequence[Any]) -> Sequence[Any]:
        return self._function([state.item for state in states])


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one batch (members; members times the longest length) and on the number of
    batches."""

    max_batch: int = 4
    max_length: int = 2_000
    spread: float = 1.5
    """Longest over shortest length within a batch. Beyond it most of the batch would be padding."""
    max_groups: int = 1
    """Batches in progress, stepped in turn. More than one pays off where steps are many."""
    join_every: int = 1
    """Steps between two admissions to a running batch. More than one pays off where beginning and
    finishing segments costs about as much as a step, whatever their number, and steps are few."""
    overtaking: int = 32
    """How many items may overtake the first in order while no batch has room for it."""

    def room(self, lengths: Sequence[int]) -> tuple[float, float] | None:
        """The shortest and the longest length that may join a batch of these lengths, or None where
        none may. An item too long for any batch runs alone."""
        longest, members = max(lengths), len(lengths) + 1
        if members > self.max_batch or members * longest > self.max_length:
            return None
        return longest / self.spread, min(min(lengths) * self.spread, self.max_length / members)


@dataclass(slots=True)
class Outcome:
    """A segment that left the loop: its result or error, and its times in seconds."""

    ticket: Ticket
    result: Any
    error: Exception | None
    queued: float
    seconds: float
    batch: int


@dataclass(slots=True)
class _Member:
    queued: QueuedItem[Any]
    admitted: float
    state: Any = None
    steps: int = 0
    batch: int = 1

    @property
    def ready(self) -> bool:
        return self.state is not None and self.state.steps_left == 0


@dataclass(slots=True)
class _Group:
    """A batch: segments of similar lengths that step together. A closed group admits nobody."""

    members: dict[str, _Member]
    closed: bool = False
    stepped: int = 0
    """Steps since the last admission."""

    def lengths(self) -> list[int]:
        return [member.queued.ticket.length for member in self.members.values()]


class _Room(NamedTuple):
    """A group that admits one more item, with the lengths that it admits."""

    shortest: float
    longest: float
    group: _Group

    def takes(self, ticket: Ticket) -> bool:
        return self.shortest <= ticket.length <= self.longest


class StepLoop:
    """The loop over one stage. Not thread-safe, with one exception: while one thread is in
    `advance`, another may `submit` and `withdraw`."""

    def __init__(
        self,
        stage: Stage,
        limits: Limits,
        clock: Callable[[], float],
        queue: FairQueue[Any] | None = None,
    ) -> None:
        """Loops that are given the same `queue` share what waits in it."""
        self._stage = stage
        self.limits = limits
        self._clock = clock
        self._queue: FairQueue[Any] = FairQueue() if queue is None else queue
        self._suspects: deque[QueuedItem[Any]] = deque()
        self._groups: deque[_Group] = deque()
        self._overtaken = 0

    @property
    def waiting(self) -> int:
        return len(self._queue) + len(self._suspects)

    @property
    def busy(self) -> bool:
        return bool(self._groups) or self.waiting > 0

    @property
    def next(self) -> list[Ticket]:
        """Of the items that `advance` works at."""
        return (
            [each.queued.ticket for each in self._groups[0].members.values()]
            if self._groups
            else []
        )

    def submit(self, ticket: Ticket, item: Any) -> None:
        self._queue.push(ticket, item, self._clock())

    def cancel(self, key: str) -> None:
        """Takes effect before the next step. Cancelling an item that has left does nothing."""
        self._queue.remove(key)
        self._suspects = deque(each for each in self._suspects if each.ticket.key != key)
        for group in self._groups:
            group.members.pop(key, None)
        self._groups = deque(group for group in self._groups if group.members)

    def withdraw(self, key: str) -> QueuedItem[Any] | None:
        """Takes back an item that waits, and has not failed in a batch."""
        return self._queue.remove(key)

    def progress(self) -> dict[str, tuple[int, int]]:
        """(Steps done, steps in all) of each running segment, by key."""
        return {
            key: (member.steps - member.state.steps_left, member.steps)
            for group in self._groups
            for key, member in group.members.items()
            if member.state is not None and member.steps
        }

    def tick(self) -> list[Outcome]:
        """One round: admit, advance the next group by one step, return what is done."""
        self.admit()
        return self.advance()

    def advance(self) -> list[Outcome]:
        """The part of a round that computes."""
        if not self._groups:
            return []
        group = self._groups.popleft()
        outcomes: list[Outcome] = []
        self._begin(group, outcomes)
        self._step(group, outcomes)
        self._finish(group, outcomes)
        if group.members:
            self._groups.append(group)
        return outcomes

    def admit(self) -> None:
        """The part of a round before that: admits in order what there is room for. Items behind may
        overtake one that fits no group, but only `Limits.overtaking` times: then the groups run
        empty and make room."""
        now = self._clock()
        while self._suspects and self._may_open():
            self._open(self._suspects.popleft(), now, closed=True)
            self._overtaken = 0
        while (head := self._queue.peek(now)) is not None:
            rooms = self._rooms()
            in_order = not self._suspects and self._fits(head.ticket, rooms)
            if not in_order and self._overtaken == self.limits.overtaking:
                break
            queued = self._queue.pop(now, partial(self._fits, rooms=rooms))
            if queued is None:
                break
            self._overtaken = 0 if in_order else self._overtaken + 1
            self._place(queued, rooms, now)

    def _may_open(self) -> bool:
        return len(self._groups) < self.limits.max_groups

    def _rooms(self) -> list[_Room]:
        """The lengths that the open groups admit, fullest group first."""
        groups = sorted(self._groups, key=lambda group: len(group.members), reverse=True)
        rooms = ((self.limits.room(group.lengths()), group) for group in groups)
        return [_Room(*room, group) for room, group in rooms if room and self._is_open(group)]

    def _is_open(self, group: _Group) -> bool:
        return not group.closed and (group.stepped == 0 or group.stepped >= self.limits.join_every)

    def _fits(self, ticket: Ticket, rooms: Sequence[_Room]) -> bool:
        return self._may_open() or any(room.takes(ticket) for room in rooms)

    def _place(self, queued: QueuedItem[Any], rooms: Sequence[_Room], now: float) -> None:
        room = next((room for room in rooms if room.takes(queued.ticket)), None)
        if room is None:
            self._open(queued, now)
        else:
            room.group.members[queued.ticket.key] = _Member(queued, now)

    def _open(self, queued: QueuedItem[Any], now: float, closed: bool = False) -> None:
        self._groups.append(_Group({queued.ticket.key: _Member(queued, now)}, closed))

    def _begin(self, group: _Group, outcomes: list[Outcome]) -> None:
        fresh = [member for member in group.members.values() if member.state is None]

        def begin() -> Sequence[Any]:
            return self._stage.begin([member.queued.item for member in fresh])

        for member, state in self._guard(group, fresh, begin, outcomes):
            member.state, member.steps = state, state.steps_left
        if fresh:
            group.stepped = 0

    def _step(self, group: _Group, outcomes: list[Outcome]) -> None:
        active = [member for member in group.members.values() if not member.ready]

        def step() -> Sequence[Any]:
            states = [member.state for member in active]
            self._stage.step(states)
            return states

        self._guard(group, active, step, outcomes)
        group.stepped += 1

    def _finish(self, group: _Group, outcomes: list[Outcome]) -> None:
        done = [member for member in group.members.values() if member.ready]

        def finish() -> Sequence[Any]:
            return self._stage.finish([member.state for member in done])

        for member, result in self._guard(group, done, finish, outcomes):
            del group.members[member.queued.ticket.key]
            outcomes.append(self._outcome(member, result, None))

    def _guard(
        self,
        group: _Group,
        members: list[_Member],
        compute: Callable[[], Sequence[Any]],
        outcomes: list[Outcome],
    ) -> list[tuple[_Member, Any]]:
        """Runs `compute` over the members; returns a result for each, or none at all. A failure
        affects only these members: one alone fails with the error; of several, each starts anew in
        a group of its own."""
        if not members:
            return []
        for member in members:
            member.batch = max(member.batch, len(members))
        try:
            return list(zip(members, compute(), strict=True))
        except Exception as error:  # noqa: BLE001 - whatever a model raises belongs to its segments
            for member in members:
                del group.members[member.queued.ticket.key]
                if len(members) == 1:
                    outcomes.append(self._outcome(member, None, error))
                else:
                    self._suspects.append(member.queued)
            return []

    def _outcome(self, member: _Member, result: Any, error: Exception | None) -> Outcome:
        queued = member.queued
        return Outcome(
            queued.ticket,
            result,
            error,
            queued=member.admitted - queued.since,
            seconds=self._clock() - member.admitted,
            batch=member.batch,
        )
