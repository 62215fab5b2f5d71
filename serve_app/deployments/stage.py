"""What the three stage deployments share: a pipeline object, its batching loop, metrics, health."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from serve_app.batching.fair_queue import Ticket
from serve_app.batching.step_loop import Limits, Outcome, Stage
from serve_app.deployments.metrics import StageMetrics
from serve_app.deployments.stage_driver import StageDriver
from serve_app.settings import StageScale
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
        stall_seconds: float,
    ) -> None:
        self._stage = stage
        self._metrics = StageMetrics(service, stage, scale.max_batch)
        limits = Limits(
            max_batch=scale.max_batch,
            max_length=scale.max_batch_length,
            spread=scale.spread,
            max_groups=scale.max_groups,
            join_every=scale.join_every,
        )
        self._driver = StageDriver(load, limits, self._observe, stall_seconds)

    async def _run(
        self, item: Any, ticket: Ticket, steps: StepCallback | None = None
    ) -> Timed[Any]:
        outcome = await self._driver.run(ticket, item, steps)
        timing = StageTiming(self._stage, outcome.queued, outcome.seconds, outcome.batch)
        return Timed(outcome.result, (timing,))

    async def _run_stepwise(self, item: Any, ticket: Ticket) -> AsyncGenerator[Any, None]:
        """Yields now and then the steps done of all, as `(int, int)`, and last what `_run` returns.
        Closing it early cancels the work."""
        told: tuple[int, int] | None = None

        def note(step: int, steps: int) -> None:
            nonlocal told
            told = (step, steps)

        running = asyncio.create_task(self._run(item, ticket, note))
        try:
            while not (await asyncio.wait([running], timeout=PROGRESS_SECONDS))[0]:
                if told is not None:
                    yield told
                    told = None
            yield running.result()
        finally:
            running.cancel()

    def _observe(self, outcome: Outcome, waiting: int) -> None:
        self._metrics.observe(outcome.seconds, outcome.queued, outcome.batch, waiting)

    def check_health(self) -> None:
        """Called by Serve; a replica that raises here is replaced."""
        self._driver.check()
