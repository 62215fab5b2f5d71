"""The application behind a real HTTP server on loopback, with a worker, database and object store;
only Ray and the models are left out. Every clip is a tone."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI
from sqlalchemy import select, update

from pipelines import registry
from pipelines.protocol import Request, Segment, SpeechRequest, Waveform, Word
from serve_app.api import AppState, GraphStatus, create_app
from serve_app.batching.fair_queue import Ticket
from serve_app.bulk.service import BatchService
from serve_app.db.engine import Database
from serve_app.db.models import Clip, User
from serve_app.settings import ServiceSettings, Settings
from serve_app.storage.seaweedfs import SeaweedFS
from serve_app.storage.store import ObjectStore
from serve_app.worker.generation import StepCallback
from serve_app.worker.timings import StageTiming, Timed
from serve_app.worker.worker import Worker
from tests.serve_app.worker_harness import Tally
from tests.waiting import until

PASSWORD = "analytical engine"
LETTERS = 40
"""Letters of a segment of speech, which lasts a second."""
PIPELINES = {"styletts2": "noop", "seedvc": "seed-vc", "make-an-audio": "make-an-audio"}


class Tones:
    """The three stages of a service. `pause` seconds pass before each segment but the first."""

    def __init__(self, service: str) -> None:
        self._rate = registry.sample_rate(service, PIPELINES[service])
        self.pause = 0.0
        self.hold = threading.Event()
        self.hold.set()
        self.error: Exception | None = None
        self.requests: list[Request] = []

    async def prepare(self, request: Request, ticket: Ticket) -> Timed[list[Segment]]:
        self.requests.append(request)
        count = 1
        if isinstance(request, SpeechRequest):
            count = -(-len(request.text) // LETTERS)
        segments = [Segment(index, request.seed, LETTERS) for index in range(count)]
        return Timed(segments, (StageTiming("frontend", 0, 0, 1),))

    async def render(
        self, segment: Segment, ticket: Ticket, steps: StepCallback
    ) -> Timed[Waveform]:
        if segment.index:
            await asyncio.sleep(self.pause * segment.index)
        while not self.hold.is_set():
            await asyncio.sleep(0.02)
        if self.error is not None:
            raise self.error
        t = np.arange(self._rate) / self._rate
        wave = (0.3 * np.sin(2 * np.pi * 220 * t)).astype(np.float32)
        return Timed(wave, (StageTiming("vocoder", 0, 0, 1),), self._words(segment))

    def _words(self, segment: Segment) -> tuple[Word, ...]:
        """Letters take the same time each."""
        if not isinstance(request := self.requests[-1], SpeechRequest):
            return ()
        first = LETTERS * segment.index
        return tuple(
            Word(
                match.start(),
                match.end(),
                match[0].strip(".,"),
                (match.start() - first) / LETTERS,
                (match.end() - first) / LETTERS,
            )
            for match in re.finditer(r"\S+", request.text)
            if first <= match.start() < first + LETTERS
        )


class Server:
    """`url` is the address. Each `account` is a new one."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings.model_copy(update={"data_dir": folder})
        self.database = Database(self.settings.database())
        self.database.migrate()
        self.store = ObjectStore(settings)
        self.store.ensure_bucket()
        self.stages = {service: Tones(service) for service in PIPELINES}
        self.url = ""
        self.app: FastAPI
        self._accounts = 0
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._worker: Worker | None = None

    def account(self, credits: int | None = None, starts: int | None = None) -> str:
        """The API key of a new account, that has so many credits or all that sign-up gives, and may
        start so many clips in a window of the throttle."""
        self._accounts += 1
        body = {"email": f"user{self._accounts}@example.com", "password": PASSWORD}
        token = httpx.post(f"{self.url}/api/sign-up", json=body).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        key = httpx.post(f"{self.url}/api/keys", headers=headers, json={"name": "sdk"})
        values = {"balance": credits, "throttle_starts": starts}
        if given := {name: value for name, value in values.items() if value is not None}:
            with self.database.transaction() as session:
                session.execute(update(User).where(User.email == body["email"]).values(**given))
        return str(key.json()["key"])

    def clips(self) -> list[Clip]:
        """Of all accounts, newest first."""
        with self.database.reading() as session:
            return list(session.scalars(select(Clip).order_by(Clip.created_at.desc())))

    def newest(self) -> Clip:
        return self.clips()[0]

    async def _ready(self) -> GraphStatus:
        return GraphStatus(ready=True)

    @contextmanager
    def serving(self) -> Iterator[Server]:
        state = AppState(
            settings=self.settings,
            database=self.database,
            store=self.store,
            clock=self.database.now,
            graph_status=self._ready,
            metrics=lambda: "",
        )
        self.app = create_app(state)
        config = uvicorn.Config(self.app, port=0, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        threads = [
            threading.Thread(target=server.run, daemon=True),
            threading.Thread(target=self._work, daemon=True),
        ]
        batches = BatchService(self.settings)
        batches.start()
        for thread in threads:
            thread.start()
        until(lambda: server.started and self._worker is not None, 20, "the server has started")
        port = server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        try:
            yield self
        finally:
            batches.stop()
            server.should_exit = True
            self._loop.call_soon_threadsafe(self._over.set)
            for thread in threads:
                thread.join(20)
            self.database.dispose()

    @contextmanager
    def over_tls(self, certificate: Path, key: Path) -> Iterator[str]:
        """The same application behind TLS too: its address."""
        config = uvicorn.Config(
            self.app,
            port=0,
            log_level="error",
            lifespan="off",
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        until(lambda: server.started, 20, "the server has started")
        try:
            yield f"https://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def run() -> None:
            worker = Worker(self.settings, self.database, self.store, self.stages, Tally())
            self._worker = worker
            running = asyncio.create_task(worker.run())
            await self._over.wait()
            await worker.stop()
            await running

        self._loop.run_until_complete(run())
        self._loop.close()


def settings_of(seaweed: SeaweedFS) -> Settings:
    return Settings(
        s3_endpoint=seaweed.endpoint,
        s3_access_key=seaweed.access_key,
        s3_secret_key=seaweed.secret_key,
        s3_bucket="clients",
        poll_seconds=0.05,
        speech=ServiceSettings(pipeline="noop"),
        conversion=ServiceSettings(pipeline="seed-vc"),
        sound_effects=ServiceSettings(pipeline="make-an-audio"),
        throttle_starts=100,
        throttle_window_seconds=4,
        sign_in_attempts=100,
    )
