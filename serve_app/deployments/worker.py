"""The worker as a deployment: it takes no requests, and runs until Serve stops it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from serve_app.bulk.service import BatchService
from serve_app.db.engine import Database
from serve_app.deployments import garbage
from serve_app.deployments.handles import RayStages, StageHandles
from serve_app.deployments.metrics import ClipMetrics
from serve_app.deployments.node import own_address
from serve_app.endings import end
from serve_app.foreground import Foreground
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from serve_app.worker.thread_pools import CONNECTIONS
from serve_app.worker.worker import Worker as ClipWorker

logger = logging.getLogger("bernie.worker")


class Worker:
    def __init__(self, settings: Settings, stages: dict[str, StageHandles]) -> None:
        self._settings = settings
        self._database = Database(settings.database(), CONNECTIONS)
        rays = {
            service: RayStages(*handles, rest_seconds=settings.rest_seconds_of(service))
            for service, handles in stages.items()
        }
        self._worker = ClipWorker(
            settings,
            self._database,
            ObjectStore(settings),
            rays,
            ClipMetrics(),
            own_address(settings),
            Foreground.of(settings),
        )
        self._batches = BatchService(settings) if "bulk" in settings.worker_lanes else None
        if self._batches is not None:
            self._batches.start()
        loop = asyncio.get_running_loop()
        self._connecting = [loop.create_task(_connect(each)) for each in rays.values()]
        self._task = loop.create_task(self._worker.run())
        garbage.as_usual()

    def reconfigure(self, changes: dict[str, Any]) -> None:
        """Called by Serve with the `user_config` of the deployment. Raises ValueError."""
        settings = self._settings.changed(changes)
        self._worker.reconfigure(settings)
        if self._batches is not None:
            self._batches.settings = settings

    def check_health(self) -> None:
        if self._task.done():
            raise RuntimeError("the worker has stopped") from self._task.exception()
        self._worker.check()

    async def __del__(self) -> None:
        """Serve calls this before it ends the replica."""
        if self._batches is not None:
            await asyncio.to_thread(self._batches.stop)
        await end(self._connecting)
        await self._worker.stop()
        await self._task
        self._database.dispose()


async def _connect(stages: RayStages) -> None:
    """Nothing hangs on it: what is not connected here is with the first clip."""
    try:
        await stages.connect()
    except Exception:
        logger.warning("a stage was not reached before the first clip", exc_info=True)
