"""The front end stage: requests to segments."""

from __future__ import annotations

from pipelines import registry
from pipelines.protocol import Request, Segment
from pipelines.reference_features import FeatureCache
from serve_app.batching.fair_queue import Ticket
from serve_app.batching.step_loop import OneShot
from serve_app.deployments.metrics import FeatureMetrics
from serve_app.deployments.stage import StageReplica
from serve_app.settings import Settings
from serve_app.storage.feature_cache import StoredFeatures
from serve_app.storage.store import ObjectStore
from serve_app.worker.timings import Timed


class Frontend(StageReplica):
    def __init__(self, service: str, settings: Settings) -> None:
        scale = settings.service(service).frontend
        pipeline = settings.pipelines()[service]

        def load() -> OneShot:
            store = StoredFeatures(ObjectStore(settings))
            features = FeatureCache(store, FeatureMetrics(service).looked_up)
            stage = registry.load_frontend(service, pipeline, settings.pipeline(scale), features)
            return OneShot(stage.prepare)

        super().__init__(service, "frontend", load, scale, settings.stall_seconds)

    async def prepare(self, request: Request, ticket: Ticket) -> Timed[list[Segment]]:
        """Raises InvalidInput where the request cannot be served."""
        return await self._run(request, ticket)
