"""The stages of one service as the worker sees them: calls through Ray Serve handles."""

from __future__ import annotations

import asyncio
from typing import Any

from ray.serve.handle import DeploymentHandle

from pipelines.protocol import Request, Segment, Waveform
from serve_app.fairness import Ticket
from serve_app.generation import Steps
from serve_app.tracing import Traced


class RayStages:
    """`serve_app.generation.Stages` over deployments. Acoustic features go from the diffusion
    replica to the vocoder replica directly, not through the worker."""

    def __init__(
        self,
        frontend: DeploymentHandle[Any],
        diffusion: DeploymentHandle[Any],
        vocoder: DeploymentHandle[Any],
    ) -> None:
        self._frontend = frontend
        self._diffusion = diffusion
        self._vocoder = vocoder

    async def prepare(self, request: Request, ticket: Ticket) -> Traced[list[Segment]]:
        prepared: Traced[list[Segment]] = await _result(
            self._frontend.prepare.remote(request, ticket)
        )
        return prepared

    async def render(self, segment: Segment, ticket: Ticket, steps: Steps) -> Traced[Waveform]:
        acoustic = self._diffusion.run.remote(segment, ticket)
        waveform: Traced[Waveform] = await _result(
            self._vocoder.run.remote(acoustic, ticket), acoustic
        )
        return waveform


async def _result(response: Any, *earlier: Any) -> Any:
    """Awaits a handle's response; a cancelled wait also cancels the calls in the replicas."""
    try:
        return await response
    except asyncio.CancelledError:
        for each in (*earlier, response):
            each.cancel()
        raise
