"""Keeps the leases of a worker's clips, in one statement a round for all of them."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial

from sqlalchemy.orm import Session

from serve_app.db.availability import is_locked, is_unavailable
from serve_app.jobs import queue
from serve_app.jobs.queue import Claim
from serve_app.worker.pulse import Pulse
from serve_app.worker.thread_pools import Threads

logger = logging.getLogger("bernie.worker")

_LONGEST_ROUND_SECONDS = 5.0
_RETRY_SECONDS = 0.5


class Leases:
    """Renews what is held and tells of what is not any more: cancelled, deleted, or taken over.

    While the database cannot be reached nothing is given up: nobody else can take a clip either,
    and a lease that ran out counts until somebody has. The first round after that decides.
    """

    def __init__(
        self,
        threads: Threads,
        seconds: float,
        look_seconds: float,
        held: Callable[[], Collection[Claim]],
        lost: Callable[[Claim], None],
    ) -> None:
        """`held` gives the claims there are, and `lost` is told of each that is one no more."""
        self.pulse = Pulse("the renewal of leases")
        self._threads = threads
        self.seconds = seconds
        self._look_seconds = look_seconds
        self._look = asyncio.Event()
        self._held = held
        self._lost = lost
        self._skipped: set[str] = set()
        """Tokens of the claims whose clips the last round found locked."""
        self._waiting: dict[str, asyncio.Task[None]] = {}
        """By token."""
        self._renewed_at = time.monotonic()
        self._late_at = -math.inf
        self._due = 0.0

    def look_now(self) -> None:
        """Some clip was cancelled."""
        self._look.set()

    def renew_soon(self) -> None:
        """There are new claims, whose transaction may have taken up much of their leases."""
        self._due = 0.0

    @property
    def behind(self) -> bool:
        """Whether the last renewal is so long ago that leases may have run out: of this worker's
        own clips, and, where the whole machine has paused or the database was away, of others'."""
        return self.pulse.failing or time.monotonic() - self._renewed_at > self.seconds / 2

    def in_time_for(self, seconds: float) -> bool:
        """Whether no renewal was behind for so long. Others that were so too have caught up."""
        return not self.behind and time.monotonic() - self._late_at >= seconds

    async def keep(self) -> None:
        """Renews three times a lease, and looks at what is wanted still where a clip was cancelled,
        and every `look_seconds`."""
        try:
            await self._keep()
        finally:
            for task in self._waiting.values():
                task.cancel()

    async def _keep(self) -> None:
        while True:
            between = min(self.seconds / 3, _LONGEST_ROUND_SECONDS)
            renewing = time.monotonic() >= self._due
            try:
                await self._round(renewing)
            except Exception as error:
                if not self.pulse.failing or not is_unavailable(error):
                    logger.exception("the leases could not be looked after")
                self.pulse.failed()
                self._due = 0.0
                await asyncio.sleep(min(_RETRY_SECONDS, between))
                continue
            late = self.behind
            self.pulse.good()
            if renewing:
                self._renewed_at = time.monotonic()
                self._late_at = self._renewed_at if late else self._late_at
                self._due = self._renewed_at + between
            left = self._due - time.monotonic()
            with suppress(TimeoutError):
                wait = max(0.0, min(self._look_seconds, left))
                await asyncio.wait_for(self._look.wait(), wait)

    async def _round(self, renewing: bool) -> None:
        self._look.clear()
        claims = list(self._held())
        if not claims:
            return
        if renewing:
            renewed = await self._threads.lease(
                lambda s, now: queue.renew(s, claims, now, self.seconds)
            )
            self._wait_for([claim for claim in claims if claim.clip.id not in renewed])
        wanted = await self._threads.lease(
            lambda s, _: queue.active_leases(s, claims), reading=True
        )
        for claim in claims:
            if claim.token not in wanted:
                self._lost(claim)

    def _wait_for(self, skipped: Collection[Claim]) -> None:
        """Of those that another transaction has locked for a second round already."""
        for claim in skipped:
            if claim.token in self._skipped and claim.token not in self._waiting:
                task = asyncio.create_task(self._renew_when_free(claim))
                self._waiting[claim.token] = task
                task.add_done_callback(partial(self._waited, claim.token))
        self._skipped = {claim.token for claim in skipped}

    def _waited(self, token: str, _task: asyncio.Task[None]) -> None:
        del self._waiting[token]

    async def _renew_when_free(self, claim: Claim) -> None:
        """Stands in line for the row, before the claims of other workers: they pass over locked
        rows, and would take a clip whose lease has run out meanwhile."""

        def renew(session: Session, now: Callable[[], float]) -> None:
            if queue.wait_for(session, claim):
                queue.renew(session, [claim], now(), self.seconds)

        while any(claim.token == each.token for each in self._held()):
            try:
                return await self._threads.lock(renew)
            except Exception as error:
                if not is_unavailable(error):
                    logger.exception("the lease of a clip could not be renewed")
                    return None
                await asyncio.sleep(0 if is_locked(error) else _RETRY_SECONDS)
        return None
