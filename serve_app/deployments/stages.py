"""The three stages of a service as deployments: front end, diffusion, vocoder.

Each is a pipeline object behind a batching loop, with metrics and a health check.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

from pipelines import registry
from pipelines.protocol import (
    Acoustic,
    Request,
    Segment,
    SideBySide,
    Utterance,
    Waveform,
    uttered,
)
from pipelines.protocol import Vocoder as VocoderModel
from pipelines.reference_features import FeatureCache
from serve_app.batching.fair_queue import Ticket
from serve_app.batching.step_loop import Limits, OneShot, Outcome, Stage
from serve_app.deployments import background, garbage
from serve_app.deployments.background import Background
from serve_app.deployments.metrics import FeatureMetrics, StageMetrics
from serve_app.deployments.stage_driver import StageDriver
from serve_app.deployments.warm_up import warmed_up
from serve_app.foreground import Foreground
from serve_app.settings import LIVE_SCALE, Settings, StageScale
from serve_app.storage.feature_cache import StoredFeatures
from serve_app.storage.store import ObjectStore
from serve_app.worker.generation import StepCallback
from serve_app.worker.timings import StageTiming, Timed

PROGRESS_SECONDS = 0.5


class StageReplica:
    """One replica of one stage of one service. The model is loaded once and stays."""

    def __init__(
        self,
        service: str,
        stage: str,
        load: Callable[[], Stage],
        scale: StageScale,
        settings: Settings,
        behind: int = 1,
    ) -> None:
        """`behind`: how many threads of their own lines of batches may have, see `Background`."""
        self._stage = stage
        self._scale = scale
        self._metrics = StageMetrics(service, stage, scale.max_batch)
        pipeline = settings.pipeline(scale)
        apart = behind and pipeline.device == "cpu" and background.works()
        foreground = Foreground.of(settings)
        threads = Background.of(pipeline.threads, behind, foreground) if apart else None
        self._driver = StageDriver(
            load,
            _limits(scale),
            self._observe,
            settings.stall_seconds,
            threads,
            foreground=foreground,
        )
        self._driver.max_bytes = scale.max_memory_mb << 20
        garbage.as_usual()

    def reconfigure(self, changes: dict[str, Any]) -> None:
        """Called by Serve with the `user_config` of the deployment: other limits of batches, from
        the next step on. Raises ValueError for anything else."""
        fixed = sorted(set(changes) - LIVE_SCALE)
        if fixed:
            raise ValueError(f"{', '.join(fixed)}: change this under `args`, which starts anew")
        scale = StageScale(**{**dict(self._scale), **changes})
        self._driver.limit(_limits(scale))
        self._driver.max_bytes = scale.max_memory_mb << 20
        self._metrics.max_batch = scale.max_batch

    def awake(self) -> None:
        """A call that needs nothing but a replica: see `handles.py`."""

    async def _run(
        self, item: Any, ticket: Ticket, steps: StepCallback | None = None
    ) -> Timed[Any]:
        outcome = await self._driver.run(ticket, item, steps)
        timing = StageTiming(self._stage, outcome.queued, outcome.seconds, outcome.batch)
        return Timed(outcome.result, (timing,))

    async def _run_stepwise(self, item: Any, ticket: Ticket) -> AsyncGenerator[Any, None]:
        """Yields (steps done, steps in all) every `PROGRESS_SECONDS`, and last what `_run` returns.
        Closing the generator early cancels the work."""
        latest: tuple[int, int] | None = None

        def note(step: int, steps: int) -> None:
            nonlocal latest
            latest = (step, steps)

        running = asyncio.create_task(self._run(item, ticket, note))
        try:
            while not (await asyncio.wait([running], timeout=PROGRESS_SECONDS))[0]:
                if latest is not None:
                    yield latest
                    latest = None
            yield running.result()
        finally:
            running.cancel()

    def _observe(self, outcome: Outcome, waiting: int) -> None:
        self._metrics.observe(outcome.seconds, outcome.queued, outcome.batch, waiting)

    def check_health(self) -> None:
        """Called by Serve; a replica that raises here is replaced."""
        self._driver.check()


def _limits(scale: StageScale) -> Limits:
    return Limits(
        max_batch=scale.max_batch,
        max_length=scale.max_batch_length,
        spread=scale.spread,
        max_groups=scale.max_groups,
        join_every=scale.join_every,
    )


class Frontend(StageReplica):
    """Requests to segments."""

    def __init__(self, service: str, settings: Settings) -> None:
        scale = settings.service(service).frontend

        def load() -> OneShot:
            store = StoredFeatures(ObjectStore(settings))
            features = FeatureCache(store, FeatureMetrics(service).looked_up)
            pipeline = settings.pipelines()[service]
            stage = registry.load_frontend(service, pipeline, settings.pipeline(scale), features)
            return OneShot(stage.prepare)

        # Texts are read in Python, whose lock such a thread would keep from those that have to wait
        # for nobody; what is found in recordings is computed without it.
        behind = 1 if service == "seedvc" else 0
        super().__init__(service, "frontend", load, scale, settings, behind)

    async def prepare(self, request: Request, ticket: Ticket) -> Timed[list[Segment]]:
        """Raises InvalidInput where the request cannot be served."""
        return await self._run(request, ticket)


class Diffusion(StageReplica):
    """Segments to acoustic features, batched by step."""

    def __init__(self, service: str, settings: Settings) -> None:
        scale = settings.service(service).diffusion

        def load() -> Stage:
            pipeline = settings.pipelines()[service]
            model = registry.load_diffusion(service, pipeline, settings.pipeline(scale))
            return warmed_up(model, model)

        super().__init__(service, "diffusion", load, scale, settings)

    async def run(
        self, segment: Segment, ticket: Ticket
    ) -> AsyncGenerator[tuple[int, int] | Timed[Acoustic], None]:
        """Yields (steps done, steps in all) at intervals, and last the acoustic features."""
        async with aclosing(self._run_stepwise(segment, ticket)) as updates:
            async for update in updates:
                yield update


class Vocoder(StageReplica):
    """Acoustic features to a waveform."""

    def __init__(self, service: str, settings: Settings) -> None:
        scale = settings.service(service).vocoder

        found: list[VocoderModel] = []

        def load() -> Stage:
            pipeline = settings.pipelines()[service]
            found.append(registry.load_vocoder(service, pipeline, settings.pipeline(scale)))
            return warmed_up(OneShot(partial(uttered, found[0])), found[0])

        # Segments of speech are short; a window of a recording takes much memory.
        behind = 2 if service == "styletts2" else 1
        super().__init__(service, "vocoder", load, scale, settings, behind)
        cores = scale.torch_threads()
        if cores > 1 and isinstance(found[0], SideBySide) and found[0].same_by_any_threads:
            self._driver.side_by_side(cores)

    async def run(self, acoustic: Timed[Acoustic], ticket: Ticket) -> Timed[Waveform]:
        """Returns the timings of the diffusion stage along with its own."""
        features = acoustic.value
        done = await self._run(features, replace(ticket, length=features.length))
        made: Utterance = done.value
        return Timed(made.waveform, acoustic.timings + done.timings, made.words)
