"""The HTTP application and a worker behind a real port, which can be stopped and started again.

The stages are the no-op ones for every service: a tone of the length that the text, the recording
or the duration asks for. The browser, the application, the queue, the encoder and the store are
real."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any, Self

import uvicorn

from pipelines.protocol import Request, Segment, SpeechRequest, Waveform
from serve_app.api import create_app
from serve_app.bulk.service import BatchService
from serve_app.cli.ports import free_port
from serve_app.db.engine import Database
from serve_app.http.app_state import AppState, GraphStatus
from serve_app.settings import Settings
from serve_app.storage.seaweedfs import SeaweedFS
from serve_app.storage.store import ObjectStore
from serve_app.worker.generation import StepCallback
from serve_app.worker.timings import StageTiming, Timed
from serve_app.worker.worker import Worker
from tests.serve_app.worker_harness import LocalStages, Tally, Ticket
from tests.waiting import until


class ToneStages(LocalStages):
    """Waits `pause` seconds ahead of each segment; while `held` nothing is computed. `made`: when
    each segment was computed, in seconds since 1970."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.pause = 0.0
        self.held = False
        self.made: list[float] = []
        self.before = self._wait_a_while

    async def _wait_a_while(self, _segment: Segment) -> None:
        await asyncio.sleep(self.pause)
        while self.held:
            await asyncio.sleep(0.02)

    async def render(
        self, segment: Segment, ticket: Ticket, steps: StepCallback
    ) -> Timed[Waveform]:
        done = await super().render(segment, ticket, steps)
        self.made.append(time.time())
        return done

    async def prepare(self, request: Request, ticket: Ticket) -> Timed[list[Segment]]:
        if isinstance(request, SpeechRequest):
            return await super().prepare(request, ticket)
        return Timed([Segment(0, request.seed, 40)], (StageTiming("frontend", 0, 0, 1),))


def studio_server(seaweed: SeaweedFS, folder: Path, **changes: Any) -> StudioServer:
    """A server with a database and a bucket of its own, not yet started."""
    port = free_port()
    settings = Settings(
        **{
            "data_dir": folder,
            "s3_endpoint": seaweed.endpoint,
            "s3_access_key": seaweed.access_key,
            "s3_secret_key": seaweed.secret_key,
            "s3_bucket": f"studio-{port}",
            "port": port,
            "studio_origins": f"http://127.0.0.1:{port}",
            "poll_seconds": 0.05,
            "throttle_starts": 1_000,
            "sign_in_attempts": 1_000,
            "speech": {"pipeline": "noop"},
            "conversion": {"pipeline": "revoice"},
            "sound_effects": {"pipeline": "foley"},
            **changes,
        }
    )
    database = Database(settings.database())
    database.migrate()
    store = ObjectStore(settings)
    store.ensure_bucket()
    store.allow_origins([settings.studio_origins])
    return StudioServer(settings, database, store)


class StudioServer:
    """Serves at `url` from `start` to `stop`, as often as that."""

    def __init__(self, settings: Settings, database: Database, store: ObjectStore) -> None:
        self.settings = settings
        self.database = database
        self.store = store
        self.stages = ToneStages(settings)
        self._batches = BatchService(settings)
        self.url = f"http://127.0.0.1:{settings.port}"
        self._worker_loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        state = AppState(
            settings=self.settings,
            database=self.database,
            store=self.store,
            clock=self.database.now,
            graph_status=self._graph_status,
            metrics=lambda: 'bernie_queue_depth{service="styletts2"} 0\n',
        )
        config = uvicorn.Config(
            create_app(state),
            port=self.settings.port,
            log_level="error",
            lifespan="off",
            timeout_graceful_shutdown=0,
        )
        self._server = uvicorn.Server(config)
        self._serving = threading.Thread(target=self._server.run)
        self._serving.start()
        until(lambda: self._server.started, 30, "the server listens")

    def stop(self) -> None:
        """Breaks all connections."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._serving.join()

    async def _graph_status(self) -> GraphStatus:
        return GraphStatus(ready=True)

    def _work(self) -> None:
        async def run() -> None:
            stages = dict.fromkeys(("styletts2", "seedvc", "make-an-audio"), self.stages)
            worker = Worker(self.settings, self.database, self.store, stages, Tally())
            self._worker_loop, self._stop_worker = asyncio.get_running_loop(), asyncio.Event()
            working = asyncio.create_task(worker.run())
            await self._stop_worker.wait()
            await worker.stop()
            await working

        asyncio.run(run())

    def __enter__(self) -> Self:
        self.start()
        self._batches.start()
        self._working = threading.Thread(target=self._work)
        self._working.start()
        until(lambda: self._worker_loop, 30, "the worker runs")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._worker_loop is not None
        self.stages.held = False
        self._batches.stop()
        self._worker_loop.call_soon_threadsafe(self._stop_worker.set)
        self._working.join()
        self.stop()
        self.database.dispose()
