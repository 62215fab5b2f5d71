"""The stages of one service for the worker: calls through Ray Serve handles."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from grpc.aio import AioRpcError
from ray.exceptions import RayActorError
from ray.serve.exceptions import (
    BackPressureError,
    DeploymentUnavailableError,
    ReplicaUnavailableError,
)
from ray.serve.handle import DeploymentHandle

from pipelines.protocol import Acoustic, Request, Segment, Waveform
from serve_app.batching.fair_queue import Ticket
from serve_app.deployments.rest import Rest
from serve_app.worker.generation import StageLost, StageUnavailable, StepCallback
from serve_app.worker.timings import Timed

_FULL_SECONDS = 0.5
"""Wait before a stage that has taken in all it may is asked again."""


StageHandles = tuple[DeploymentHandle[Any], DeploymentHandle[Any], DeploymentHandle[Any]]


class RayStages:
    """`serve_app.worker.generation.Stages` over deployments."""

    def __init__(
        self,
        frontend: DeploymentHandle[Any],
        diffusion: DeploymentHandle[Any],
        vocoder: DeploymentHandle[Any],
        rest_seconds: float | None = None,
    ) -> None:
        """After `rest_seconds` without work the stages may be at rest; None: never."""
        self._handles = frontend, diffusion, vocoder
        self._rest: Rest | None = None
        if rest_seconds is not None:
            self._rest = Rest(partial(_wake, self._handles), rest_seconds)
        self._frontend = frontend
        # Ray's annotations do not cover handles with `stream`.
        self._diffusion: Any = diffusion.options(stream=True)
        self._vocoder = vocoder

    async def connect(self) -> None:
        """Calls each stage that is never at rest. The first calls of a handle reach a replica in
        any order: those of the first clip would, and its first segment be computed behind others.
        """
        if self._rest is None:
            await asyncio.gather(*(_result(handle.awake.remote()) for handle in self._handles))

    async def prepare(self, request: Request, ticket: Ticket) -> Timed[list[Segment]]:
        self._end_rest("frontend")
        prepared: Timed[list[Segment]] = await _call(self._frontend.prepare, request, ticket)
        return prepared

    async def render(
        self, segment: Segment, ticket: Ticket, steps: StepCallback
    ) -> Timed[Waveform]:
        self._end_rest("diffusion")
        acoustic = await self._diffuse(segment, ticket, steps)
        self._end_rest("vocoder")
        waveform: Timed[Waveform] = await _call(self._vocoder.run, acoustic, ticket)
        return waveform

    def _end_rest(self, stage: str) -> None:
        if self._rest is not None:
            self._rest.end(stage)

    async def _diffuse(
        self, segment: Segment, ticket: Ticket, steps: StepCallback
    ) -> Timed[Acoustic]:
        while True:
            try:
                return await self._stream(segment, ticket, steps)
            except BackPressureError:
                await asyncio.sleep(_FULL_SECONDS)

    async def _stream(
        self, segment: Segment, ticket: Ticket, steps: StepCallback
    ) -> Timed[Acoustic]:
        """Reports steps as they arrive; the last item of the stream is the result."""
        stream = self._diffusion.run.remote(segment, ticket)
        try:
            with _translated():
                async for told in stream:
                    if isinstance(told, Timed):
                        return told
                    steps(*told)
        except asyncio.CancelledError:
            stream.cancel()
            raise
        raise RuntimeError("the diffusion stage ended without a result")


async def _wake(handles: StageHandles) -> None:
    """Returns when each of the deployments has a replica that answers. Serve starts one where a
    call waits at a handle."""
    async with asyncio.TaskGroup() as group:
        for handle in handles:
            group.create_task(_wake_one(handle))


async def _wake_one(handle: DeploymentHandle[Any]) -> None:
    # A handle that has been used tells of its calls every ten seconds, and as the mean of the last
    # thirty. A new one tells of its first at once.
    new: Any = DeploymentHandle(handle.deployment_name, handle.app_name)
    try:
        await _result(new.awake.remote())
    finally:
        await new.shutdown_async()


async def _call(method: Any, *arguments: Any) -> Any:
    """Waits where too many calls wait already: what was computed so far is not given up."""
    while True:
        try:
            return await _result(method.remote(*arguments))
        except BackPressureError:
            await asyncio.sleep(_FULL_SECONDS)


async def _result(response: Any) -> Any:
    """Awaits a handle's response. Cancelling the wait also cancels the call in the replica."""
    try:
        with _translated():
            return await response
    except asyncio.CancelledError:
        response.cancel()
        raise


@contextmanager
def _translated() -> Iterator[None]:
    """Translates Ray's errors about replicas into StageLost and StageUnavailable. Errors of the
    computation pass."""
    try:
        yield
    except (RayActorError, AioRpcError) as error:
        raise StageLost("the replica of a stage died") from error
    except (DeploymentUnavailableError, ReplicaUnavailableError) as error:
        raise StageUnavailable("no replica of a stage takes calls") from error
