from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import numpy as np
import pytest

from pipelines.protocol import Request, Segment, SpeechRequest, Waveform
from serve_app.batching.fair_queue import Ticket
from serve_app.worker.generation import Progress, StepCallback, generate
from serve_app.worker.timings import ClipTimings, StageTiming, Timed


class Concatenate:
    def add(self, waveform: Waveform) -> Waveform:
        return waveform

    def close(self) -> Waveform:
        return np.full(1, -1, np.float32)


class RecordingStages:
    """Stages that finish later segments first, and count running ones."""

    def __init__(self, count: int, broken: int | None = None, steps: int = 0) -> None:
        self.count = count
        self.steps = steps
        self.broken = broken
        self.running = 0
        self.most = 0
        self.tickets: list[Ticket] = []

    async def prepare(self, request: Request, ticket: Ticket) -> Timed[list[Segment]]:
        segments = [Segment(index, seed=0, length=10 + index) for index in range(self.count)]
        return Timed(segments, (StageTiming("frontend", 0.0, 0.5, 1),))

    async def render(
        self, segment: Segment, ticket: Ticket, steps: StepCallback
    ) -> Timed[Waveform]:
        self.tickets.append(ticket)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            for step in range(self.steps):
                steps(step + 1, self.steps)
            await asyncio.sleep(0.002 * (self.count - segment.index))
            if segment.index == self.broken:
                raise ValueError("broken")
        finally:
            self.running -= 1
        return Timed(np.full(2, segment.index, np.float32), (StageTiming("vocoder", 0.1, 0.2, 1),))


RATE = 10
"""Hz."""


def untold(_: Progress) -> None:
    """Progress is ignored."""


async def collect(
    stages: RecordingStages,
    parallel: int,
    timings: ClipTimings,
    tell: Callable[[Progress], None] = untold,
) -> list[float]:
    request = SpeechRequest("text", "voice")
    ticket = Ticket("clip", "user")
    pieces = generate(stages, request, ticket, Concatenate(), RATE, parallel, timings, tell)
    return [float(sample) async for piece in pieces for sample in piece]


def test_generate_yields_audio_in_order() -> None:
    stages, timings = RecordingStages(4), ClipTimings()
    samples = asyncio.run(collect(stages, parallel=3, timings=timings))
    assert samples == [0, 0, 1, 1, 2, 2, 3, 3, -1]
    assert stages.most == 3
    assert [ticket.index for ticket in stages.tickets] == [0, 1, 2, 3]
    assert stages.tickets[2] == Ticket("clip/2", "user", index=2, length=12)
    summary = timings.summary()
    assert summary["segments"] == 4
    assert summary["stages"]["vocoder"] == {"queued": 0.4, "seconds": 0.8}
    assert 0 < summary["first_audio_seconds"] <= summary["total_seconds"]


def test_generate_reports_the_first_unfinished_segment() -> None:
    told: list[Progress] = []
    asyncio.run(collect(RecordingStages(2, steps=2), 2, ClipTimings(), told.append))
    assert told == [
        Progress(1, 2, 1, 2),
        Progress(1, 2, 2, 2),
        Progress(1, 2, 2, 2),
        Progress(2, 2, 2, 2),
    ]


def test_generate_cancels_the_rest_when_a_segment_fails() -> None:
    stages = RecordingStages(5, broken=1)
    with pytest.raises(ValueError, match="broken"):
        asyncio.run(collect(stages, parallel=4, timings=ClipTimings()))
    assert stages.running == 0


def test_generate_closed_early_cancels_running_segments() -> None:
    stages = RecordingStages(5)

    async def first_only() -> None:
        request = SpeechRequest("text", "voice")
        ticket = Ticket("clip", "user")
        pieces = generate(stages, request, ticket, Concatenate(), RATE, 4, ClipTimings(), untold)
        async with aclosing(pieces):
            async for _ in pieces:
                break

    asyncio.run(first_only())
    assert stages.running == 0
    assert len(stages.tickets) < 5 or stages.most == 4
