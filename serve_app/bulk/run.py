"""One command over one batch: validates it, accepts it, and feeds it to its end."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from typing import Any, TypeVar

from serve_app.accounts import users
from serve_app.bulk.delivery import Delivery
from serve_app.bulk.feeder import Feeder, Outcome
from serve_app.bulk.lines import LineMaker
from serve_app.bulk.progress import ProgressLog
from serve_app.bulk.sources import Sources, clear
from serve_app.bulk.validation import Validated, validate
from serve_app.db.availability import is_unavailable
from serve_app.db.engine import Database
from serve_app.db.models import Batch, BatchState, User
from serve_app.errors import invalid
from serve_app.http.schemas.batches import OWN
from serve_app.media.batches import cancelling, leases, manifest, outcomes, records, results
from serve_app.media.batches.leftovers import PREFIX
from serve_app.media.batches.manifest import ManifestLine
from serve_app.media.batches.places import ObjectPlace, open_manifest, output_place
from serve_app.media.batches.records import NewBatch
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import StoreUnavailable

DONE, SOME_FAILED, REFUSED, STOPPED = 0, 3, 4, 130
_STOP_SECONDS = 1.8
"""Ray kills a job 3 s after the signal unless it is told otherwise."""
_PATIENCE_SECONDS, _PAUSE_SECONDS = 600.0, 2.0
_TOLD_FAILURES = 5
"""Failed lines whose reasons are in the log of the job. All are in a file."""

T = TypeVar("T")


class Stopped(Exception):
    """A signal came before the batch was begun."""


class Run:
    """One command over one batch."""

    def __init__(self, asked: argparse.Namespace, settings: Settings) -> None:
        self._asked = asked
        self._settings = settings
        self._database = Database(settings.database(), 2)
        self._stopping = threading.Event()
        self._lasts = duration(asked.expires) if asked.expires else None
        self._defaults = dict(_default(each) for each in asked.default)
        if asked.service:
            self._defaults["service"] = asked.service

    def stop(self, *_: object) -> None:
        """Ends the run after the step that is under way, or without it where that takes long."""
        self._stopping.set()
        command = ["python", "-m", "serve_app.bulk", *sys.argv[1:]]
        say(f"stopping; to go on: {shlex.join(command)}")
        late = threading.Timer(_STOP_SECONDS, os._exit, [STOPPED])
        late.daemon = True
        late.start()

    def run(self) -> int:
        """The exit code. Raises ApiError for what is refused, and StoreError."""
        maker, batch = self._patiently(self._begun)
        if batch is None:
            return DONE
        say(f"batch {batch.id}: {batch.total:,} lines, results in {batch.output}")
        if batch.finished_at is not None and not self._asked.retry_failed:
            return self._told(batch)
        return self._feed(batch, maker)

    def _patiently(self, step: Callable[[], T]) -> T:
        """The result of a step that may be repeated. A database or a store that is away for a while
        ends no job: nobody would start it again."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return step()
            except Exception as error:
                away = isinstance(error, StoreUnavailable) or is_unavailable(error)
                if not away or time.monotonic() > deadline:
                    raise
                what = "store" if isinstance(error, StoreUnavailable) else "database"
                say(f"waiting for the {what} ({type(error).__name__})")
            if self._stopping.wait(_PAUSE_SECONDS):
                raise Stopped

    def _begun(self) -> tuple[LineMaker, Batch | None]:
        """What makes the lines, and the batch, unless it is only to be checked."""
        asked, settings = self._asked, self._settings
        with self._database.reading() as session:
            user = users.by_email(session, asked.user)
        store = ObjectStore(settings)
        sources = Sources(settings, store, asked.manifest)
        maker = LineMaker(settings, self._database, store, user, self._defaults, sources)
        with closing(open_manifest(asked.manifest, settings)) as stream:
            digest = manifest.digest(stream)
        batch = self._earlier(user, digest)
        if batch is None or asked.check:
            self._validate(maker)
            batch = None if asked.check else self._accept(user, digest)
        return maker, batch

    def _feed(self, batch: Batch, maker: LineMaker) -> int:
        settings, database = self._settings, self._database
        output = output_place(batch.output, settings)
        token = self._patiently(lambda: self._take(batch))
        batch, now = self._patiently(lambda: self._found(batch))
        delivery = Delivery(database, output.store(settings), settings.s3_bucket, output)
        report = ProgressLog(say, time.monotonic)
        feeder = Feeder(
            settings, database, delivery, maker, self._lines, batch, token, self._stopping, report
        )
        if self._asked.retry_failed:
            feeder.retry_failed(now)
        outcome = feeder.run()
        if outcome is Outcome.LEASE_LOST:
            say("another feeder has taken the batch over")
            return STOPPED
        if outcome is Outcome.STOPPED:
            if self._asked.on_stop == "cancel":
                self._cancel(batch)
            with database.transaction() as session:
                leases.let_go(session, batch.id, token, database.now(session))
            return STOPPED
        batch, _ = self._patiently(lambda: self._found(batch))
        if batch.failed == 0:  # failed lines may be tried again
            self._patiently(lambda: clear(ObjectStore(settings), batch.id))
        return self._told(batch)

    def _told(self, batch: Batch) -> int:
        """Says how the batch ended; the exit code."""
        for failure in self._patiently(lambda: self._failures(batch)) if batch.failed else ():
            why = failure["error"]
            say(f"line {failure['line']} ({failure['id']}) failed: {why['code']}: {why['message']}")
        if batch.failed:
            say(f"{batch.failed:,} failed; all of them are in {batch.output}errors.jsonl")
        say(json.dumps(results.summary(batch, batch.finished_at or batch.created_at)))
        if batch.state == BatchState.CANCELLED:
            return STOPPED
        return SOME_FAILED if batch.failed else DONE

    def _failures(self, batch: Batch) -> list[dict[str, Any]]:
        """The first of them, as they are in the results."""
        output = output_place(batch.output, self._settings)
        with self._database.reading() as session:
            lines = outcomes.failed_after(session, batch.id, 0, _TOLD_FAILURES)
            return [each for n in lines for each in results.page(session, batch, output, n, n)]

    def _found(self, batch: Batch) -> tuple[Batch, float]:
        """The batch as it is now, and the time."""
        with self._database.reading() as session:
            return session.get_one(Batch, batch.id), self._database.now(session)

    def _take(self, batch: Batch) -> str:
        told = False
        while not self._stopping.is_set():
            with self._database.transaction() as session:
                now = self._database.now(session)
                token = leases.take(session, batch.id, self._settings.lease_seconds, now)
            if token is not None:
                return token
            if not told:
                say("another feeder has this batch; waiting for it to end")
                told = True
            self._stopping.wait(1)
        raise Stopped

    def _cancel(self, batch: Batch) -> None:
        with self._database.transaction() as session:
            cancelling.cancel(session, batch.user_id, batch.id)
        with self._database.transaction() as session:
            cancelling.cancel_unstarted(session, batch.id, self._database.now(session))

    def _validate(self, maker: LineMaker) -> None:
        """Raises ApiError 422 `invalid_manifest` where a line cannot be used, unless such lines are
        to be skipped."""
        found = validate(self._lines(), maker.check, self._stopping.is_set)
        if self._stopping.is_set():
            raise Stopped
        for line, why in found.problems:
            field = f", {why.field}" if why.field else ""
            say(f"line {line.number} ({line.id}{field}): {why.code}: {why.message}")
        lacking = {why.field or "" for _, why in found.problems if why.missing}
        for name in sorted(lacking - OWN):
            say(f"--default {name}=VALUE gives {name} to all lines that lack it")
        say(f"{found.lines:,} lines, {found.invalid:,} of them invalid")
        if found.lines == 0:
            raise invalid("manifest", "manifest has no lines.", "empty_manifest")
        if found.invalid and not (self._asked.skip_invalid and found.invalid < found.lines):
            message = f"{found.invalid} of {found.lines} lines cannot be used."
            raise invalid("manifest", message, "invalid_manifest")
        self._counted = found

    def _accept(self, user: User, digest: str) -> Batch:
        found: Validated = self._counted
        settings = self._settings
        new = self._new(user, digest, found.lines)
        with self._database.transaction() as session:
            now = self._database.now(session)
            if self._lasts is not None:
                new = replace(new, expires_at=now + self._lasts)
            batch = records.accept(session, user.id, new, settings, now)[0]
        if batch.total < found.lines:
            say(f"the credits pay for {batch.total:,} of {found.lines:,} lines; the rest is left")
        return batch

    def _earlier(self, user: User, digest: str) -> Batch | None:
        """The batch that the same command made before. Raises ApiError 409 `batch_conflict`."""
        new = self._new(user, digest, 0)
        with self._database.reading() as session:
            batch = session.get(Batch, records.id_of(user.id, new.name))
        if batch is not None:
            records.require_same(batch, new)
        return batch

    def _new(self, user: User, digest: str, lines: int) -> NewBatch:
        asked, settings = self._asked, self._settings
        options = {"defaults": self._defaults, "copy": asked.output is not None}
        named = json.dumps([asked.output, digest, self._defaults], sort_keys=True)
        name = asked.batch_id or sha256(named.encode()).hexdigest()[:16]
        own = ObjectPlace(settings.s3_bucket, f"{PREFIX}{records.id_of(user.id, name)}/")
        output = output_place(asked.output, settings) if asked.output is not None else own
        return NewBatch(
            name=name,
            manifest=asked.manifest,
            manifest_sha256=digest,
            output=str(output),
            options=options,
            lines=lines,
            line_credits=settings.clip_credits,
            partial=asked.partial,
        )

    def _lines(self) -> Iterator[ManifestLine]:
        asked = self._asked
        kind = manifest.format_of(asked.manifest, asked.format)
        with closing(open_manifest(asked.manifest, self._settings)) as stream:
            yield from manifest.read(stream, asked.manifest, kind)


def _default(given: str) -> tuple[str, Any]:
    """`name=value`, with the type that the field has in a manifest of CSV."""
    name, equals, value = given.partition("=")
    if not equals or not name:
        raise invalid("default", f"--default must look like voice=af_heart, not {given!r}.")
    return name, manifest.cell(name, value)


def say(text: str) -> None:
    """To the log of the job, at once."""
    print(text, flush=True)


def duration(given: str) -> float:
    """Seconds of `90m`, `12h` or `7d`. Raises ApiError 422."""
    units = {"m": 60.0, "h": 3_600.0, "d": 86_400.0}
    number, unit = given[:-1], given[-1:]
    if unit not in units or not number.isascii() or not number.isdigit() or not int(number) > 0:
        raise invalid("expires", f"--expires must look like 90m, 12h or 7d, not {given!r}.")
    return int(number) * units[unit]
