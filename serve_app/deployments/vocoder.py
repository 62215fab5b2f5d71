"""The vocoder stage: acoustic features to a waveform."""

from __future__ import annotations

from dataclasses import replace

from pipelines import registry
from pipelines.protocol import Acoustic, Waveform
from serve_app.batching.fair_queue import Ticket
from serve_app.batching.step_loop import OneShot
from serve_app.deployments.stage import StageReplica
from serve_app.settings import Settings
from serve_app.worker.timings import Timed


class Vocoder(StageReplica):
    def __init__(self, service: str, settings: Settings) -> None:
        scale = settings.service(service).vocoder
        pipeline = settings.pipelines()[service]

        def load() -> OneShot:
            stage = registry.load_vocoder(service, pipeline, settings.pipeline(scale))
            return OneShot(stage.synthesize)

        super().__init__(service, "vocoder", load, scale, settings.stall_seconds)

    async def run(self, acoustic: Timed[Acoustic], ticket: Ticket) -> Timed[Waveform]:
        """Carries the timings of the stage before along with its own."""
        features = acoustic.value
        done = await self._run(features, replace(ticket, length=features.length))
        return Timed(done.value, acoustic.timings + done.timings)
