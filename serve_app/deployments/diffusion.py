"""The diffusion stage: segments to acoustic features, batched by step."""

from __future__ import annotations

from pipelines import registry
from pipelines.protocol import Acoustic, Segment
from pipelines.protocol import Diffusion as DiffusionStage
from serve_app.deployments.stage import StageReplica
from serve_app.fairness import Ticket
from serve_app.settings import Settings
from serve_app.tracing import Traced


class Diffusion(StageReplica):
    def __init__(self, service: str, settings: Settings) -> None:
        scale = settings.service(service).diffusion
        pipeline = settings.pipelines()[service]

        def load() -> DiffusionStage:
            return registry.load_diffusion(service, pipeline, settings.pipeline(scale))

        super().__init__(service, "diffusion", load, scale)

    async def run(self, segment: Segment, ticket: Ticket) -> Traced[Acoustic]:
        return await self._run(segment, ticket)
