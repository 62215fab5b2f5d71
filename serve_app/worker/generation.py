"""Runs the stages for one clip: segments in parallel, audio in order as soon as it is ready."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from pipelines.protocol import Joiner, Request, Segment, Waveform
from serve_app.batching.fair_queue import Ticket
from serve_app.endings import end
from serve_app.worker.timings import ClipTimings, Timed

StepCallback = Callable[[int, int], None]
"""Is called with (steps done, steps in all) of a segment's diffusion."""


class StageLost(Exception):
    """The replica that computed died or was given up, whatever was at fault."""


class StageUnavailable(Exception):
    """No replica is available: the same call may succeed later."""


class Stages(Protocol):
    """The three stages of one service, wherever they run. They raise StageLost, StageUnavailable,
    and what the computation raises, perhaps as the `cause` of another error."""

    async def prepare(self, request: Request, ticket: Ticket) -> Timed[list[Segment]]: ...

    async def render(
        self, segment: Segment, ticket: Ticket, steps: StepCallback
    ) -> Timed[Waveform]:
        """Diffusion, then vocoder."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """The first unfinished segment, counted from 1, and its steps. A finished segment has done all
    its steps, of which there may be none."""

    segment: int
    segments: int
    step: int = 0
    steps: int = 0


class _ProgressTracker:
    """Reports the first unfinished segment only, so that progress never goes back."""

    def __init__(self, segments: int, on_progress: Callable[[Progress], None]) -> None:
        self._segments = segments
        self._on_progress = on_progress
        self._steps: dict[int, tuple[int, int]] = {}
        self._first = 0

    def stepped(self, index: int, step: int, steps: int) -> None:
        self._steps[index] = (step, steps)
        if index == self._first:
            self._on_progress(Progress(index + 1, self._segments, step, steps))

    def finished(self) -> None:
        _, steps = self._steps.pop(self._first, (0, 0))
        self._on_progress(Progress(self._first + 1, self._segments, steps, steps))
        self._first += 1


async def generate(
    stages: Stages,
    request: Request,
    ticket: Ticket,
    joiner: Joiner,
    sample_rate: int,
    parallel: int,
    timings: ClipTimings,
    on_progress: Callable[[Progress], None],
) -> AsyncGenerator[Waveform, None]:
    """Yields the clip's samples piece by piece, with at most `parallel` segments in the stages.

    `ticket` is the clip's own; each segment gets one derived from it. Closing the iterator early
    cancels the segments under way. Calls `on_progress` for every step. Raises what the stages
    raise.
    """
    prepared = await stages.prepare(request, ticket)
    timings.add(prepared.timings)
    timings.segments = len(prepared.value)
    timings.note = " ".join(filter(None, (segment.note for segment in prepared.value)))
    timings.sounds = tuple(
        dict.fromkeys(sound for segment in prepared.value for sound in segment.sounds)
    )
    tracker = _ProgressTracker(len(prepared.value), on_progress)
    coming = iter(prepared.value)
    length = 0
    running: deque[asyncio.Task[Timed[Waveform]]] = deque()
    try:
        while True:
            while len(running) < parallel and (segment := next(coming, None)) is not None:
                steps = partial(tracker.stepped, segment.index)
                render = stages.render(segment, segment_ticket(ticket, segment), steps)
                running.append(asyncio.create_task(render))
            if not running:
                break
            rendered = await running[0]
            running.popleft()
            timings.add(rendered.timings)
            timings.mark_audio()
            tracker.finished()
            joined = joiner.add(rendered.value)
            length += len(joined)
            # Of a segment with words nothing is held back.
            timings.place_words(rendered.words, (length - len(rendered.value)) / sample_rate)
            yield joined
        yield joiner.close()
    finally:
        await end(running)


def segment_ticket(clip: Ticket, segment: Segment) -> Ticket:
    return replace(
        clip, key=f"{clip.key}/{segment.index}", index=segment.index, length=segment.length
    )
