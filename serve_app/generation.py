"""Composes the stages for one clip: segments in parallel, audio in order as it is ready."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Protocol

from pipelines.protocol import Joiner, Request, Segment, Waveform
from serve_app.fairness import Ticket
from serve_app.tracing import ClipTimings, Traced


class Stages(Protocol):
    """The three stages of one service, wherever they run."""

    async def prepare(self, request: Request, ticket: Ticket) -> Traced[list[Segment]]: ...

    async def render(self, segment: Segment, ticket: Ticket) -> Traced[Waveform]:
        """Diffusion, then vocoder."""
        ...


async def generate(
    stages: Stages,
    request: Request,
    ticket: Ticket,
    joiner: Joiner,
    parallel: int,
    timings: ClipTimings,
) -> AsyncGenerator[Waveform, None]:
    """Yields the clip's samples piece by piece, with at most `parallel` segments in the stages.

    `ticket` is the clip's own; each segment gets one derived from it. Closing the iterator early
    cancels the segments under way. Raises what the stages raise.
    """
    prepared = await stages.prepare(request, ticket)
    timings.add(prepared.timings)
    timings.segments = len(prepared.value)
    coming = iter(prepared.value)
    running: deque[asyncio.Task[Traced[Waveform]]] = deque()
    try:
        while True:
            while len(running) < parallel and (segment := next(coming, None)) is not None:
                render = stages.render(segment, segment_ticket(ticket, segment))
                running.append(asyncio.create_task(render))
            if not running:
                break
            rendered = await running[0]
            running.popleft()
            timings.add(rendered.timings)
            timings.mark_audio()
            yield joiner.add(rendered.value)
        yield joiner.close()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def segment_ticket(clip: Ticket, segment: Segment) -> Ticket:
    return replace(
        clip, key=f"{clip.key}/{segment.index}", index=segment.index, length=segment.length
    )
