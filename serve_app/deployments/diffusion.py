"""The diffusion stage: segments to acoustic features, batched by step."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from pipelines import registry
from pipelines.protocol import Acoustic, Segment
from pipelines.protocol import Diffusion as DiffusionStage
from serve_app.batching.fair_queue import Ticket
from serve_app.deployments.stage import StageReplica
from serve_app.settings import Settings
from serve_app.worker.timings import Timed


class Diffusion(StageReplica):
    def __init__(self, service: str, settings: Settings) -> None:
        scale = settings.service(service).diffusion
        pipeline = settings.pipelines()[service]

        def load() -> DiffusionStage:
            return registry.load_diffusion(service, pipeline, settings.pipeline(scale))

        super().__init__(service, "diffusion", load, scale, settings.stall_seconds)

    async def run(
        self, segment: Segment, ticket: Ticket
    ) -> AsyncGenerator[tuple[int, int] | Timed[Acoustic], None]:
        """Yields the steps done of all, now and then, and last the acoustic features."""
        async with aclosing(self._run_stepwise(segment, ticket)) as told:
            async for each in told:
                yield each
