"""What the three stage deployments share: a pipeline object, its batching loop, metrics, health."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from serve_app.batching import Limits, Outcome, Stage
from serve_app.deployments.driver import StageDriver
from serve_app.deployments.metrics import StageMetrics
from serve_app.fairness import Ticket
from serve_app.settings import StageScale
from serve_app.tracing import StageTiming, Traced


class StageReplica:
    """One replica of one stage of one service. The model is loaded once and stays."""

    def __init__(
        self, service: str, stage: str, load: Callable[[], Stage], scale: StageScale
    ) -> None:
        self._stage = stage
        self._metrics = StageMetrics(service, stage, scale.max_batch)
        limits = Limits(
            max_batch=scale.max_batch,
            max_length=scale.max_batch_length,
            spread=scale.spread,
            max_groups=scale.max_groups,
        )
        self._driver = StageDriver(load, limits, self._observe)

    async def _run(self, item: Any, ticket: Ticket) -> Traced[Any]:
        outcome = await self._driver.run(ticket, item)
        timing = StageTiming(self._stage, outcome.queued, outcome.seconds, outcome.batch)
        return Traced(outcome.result, (timing,))

    def _observe(self, outcome: Outcome, waiting: int) -> None:
        self._metrics.observe(outcome.seconds, outcome.queued, outcome.batch, waiting)

    def check_health(self) -> None:
        """Called by Serve; a replica that raises here is replaced."""
        self._driver.check()
