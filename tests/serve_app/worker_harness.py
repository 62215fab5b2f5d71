"""A worker over a real database and object store, with stages in this process instead of Ray."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from pipelines import registry
from pipelines.protocol import Request, Segment, Waveform, uttered
from serve_app.accounts import credits
from serve_app.batching.fair_queue import Ticket
from serve_app.db.engine import Database
from serve_app.db.models import Clip, ClipState, User
from serve_app.foreground import Foreground
from serve_app.media import clips
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from serve_app.worker.generation import StepCallback
from serve_app.worker.timings import StageTiming, Timed
from serve_app.worker.worker import Worker
from tests.serve_app.actions import UNTHROTTLED, make_user

TEXT = "A text of two chunks, because there is more of it than fits into one of them. " * 2


class LocalStages:
    """The three no-op stages in this process. `before` is awaited ahead of every segment. Those of
    the user `holds`, and those of all others until `gate` is set, wait after they are computed."""

    def __init__(self, settings: Settings) -> None:
        names = ("styletts2", "noop")
        pipeline = settings.pipeline(settings.speech.frontend)
        self._frontend = registry.load_frontend(*names, pipeline)
        self._diffusion = registry.load_diffusion(*names, pipeline)
        self._vocoder = registry.load_vocoder(*names, pipeline)
        self.before: Callable[[Segment], Awaitable[None]] | None = None
        self.rendered: list[str] = []
        """The keys of the segments, in the order in which they were computed."""
        self.holds: str | None = None
        self.gate = asyncio.Event()

    async def prepare(self, request: Request, ticket: Ticket) -> Timed[list[Segment]]:
        return Timed(self._frontend.prepare([request])[0], (StageTiming("frontend", 0, 0, 1),))

    async def render(
        self, segment: Segment, ticket: Ticket, steps: StepCallback
    ) -> Timed[Waveform]:
        if self.before is not None:
            await self.before(segment)
        self.rendered.append(ticket.key.split(".")[0] + f"/{segment.index}")
        if self.holds is not None:
            await self._wait(ticket.user)
        acoustics = self._diffusion.finish(self._diffusion.begin([segment]))
        [made] = uttered(self._vocoder, acoustics)
        return Timed(made.waveform, (StageTiming("vocoder", 0, 0, 1),), made.words)

    async def _wait(self, user: str) -> None:
        while self.holds == user or not self.gate.is_set():
            await asyncio.sleep(0.02)


class Tally:
    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def ended(self, service: str, outcome: str) -> None:
        self.outcomes.append(outcome)

    def made(self, service: str, audio_seconds: float, seconds: float) -> None:
        assert audio_seconds > 0
        assert seconds > 0

    def queue(self, depth: dict[str, int], age: float) -> None:
        """Ignored."""

    def batches(self, count: int, lines: dict[str, int]) -> None:
        """Ignored."""


class WorkerHarness:
    """A user, a worker, and access to the user's clips."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        store: ObjectStore,
        user: User | None = None,
    ) -> None:
        self.settings = settings
        self.database = database
        self.store = store
        self.stages = LocalStages(settings)
        self.tally = Tally()
        self.foreground = Foreground()
        self.user = user or make_user(database)

    def worker(self) -> Worker:
        stages = {"styletts2": self.stages}
        return Worker(
            self.settings,
            self.database,
            self.store,
            stages,
            self.tally,
            foreground=self.foreground,
        )

    def submit(self, text: str = TEXT, format_name: str = "wav") -> str:
        options: dict[str, Any] = {"speed": 1.0, "seed": 1, "sample_rate": None}
        options["format"] = format_name
        new = clips.NewClip("styletts2", text, "af_heart", None, options, 50)
        with self.database.transaction() as session:
            rules = self.settings
            now = self.database.now(session)
            return clips.submit(session, self.user.id, new, rules, now)[0].id

    def clip(self, clip_id: str) -> Clip:
        with self.database.transaction() as session:
            return clips.get(session, self.user.id, clip_id)

    def cancel(self, clip_id: str) -> None:
        with self.database.transaction() as session:
            now = self.database.now(session)
            clips.delete(session, self.user.id, clip_id, UNTHROTTLED, now)

    def balance(self) -> int:
        with self.database.transaction() as session:
            return credits.balance(session, self.user.id)

    def run(self, until: Callable[[], bool], seconds: float = 20) -> None:
        """Runs a worker until the condition holds, then stops it."""

        async def go() -> None:
            async with self.working(), asyncio.timeout(seconds):
                await self.until(until)

        asyncio.run(go())

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A worker runs meanwhile."""
        worker = self.worker()
        running = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            await worker.stop()
            await running

    async def until(self, condition: Callable[[], bool]) -> None:
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.02)

    def lease(self, clip_id: str) -> tuple[float, int]:
        """How many seconds are left of the clip's lease, and its losses."""
        with self.database.reading() as session:
            clip = clips.get(session, self.user.id, clip_id)
            return (clip.lease_until or 0.0) - self.database.now(session), clip.losses

    def ended(self, clip_id: str) -> Callable[[], bool]:
        return lambda: self.clip(clip_id).state is not ClipState.PENDING
