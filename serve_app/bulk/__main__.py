"""`python -m serve_app.bulk run`: the entrypoint of a Ray job, which feeds one batch to its end.

Exit codes: 0 done, 3 done with failed lines, 4 refused, 130 stopped. The same command goes on.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from typing import Any

from serve_app.accounts import users
from serve_app.bulk import manifest, results
from serve_app.bulk.delivery import Delivery
from serve_app.bulk.feeder import Feeder, Outcome
from serve_app.bulk.lines import LineMaker
from serve_app.bulk.manifest import ManifestLine
from serve_app.bulk.places import ObjectPlace, open_manifest, output_place
from serve_app.bulk.progress import ProgressLog
from serve_app.bulk.validation import Validated, validate
from serve_app.catalog import resolve
from serve_app.db.engine import Database
from serve_app.db.models import Batch, BatchState, User
from serve_app.errors import ApiError, invalid
from serve_app.media import batches
from serve_app.media.batches import NewBatch
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import StoreError

DONE, SOME_FAILED, REFUSED, STOPPED = 0, 3, 4, 130
_STOP_SECONDS = 1.8
"""Ray kills a job 3 s after the signal unless it is told otherwise."""


class Stopped(Exception):
    """A signal came before the batch was begun."""


class Run:
    """One command over one batch."""

    def __init__(self, asked: argparse.Namespace, settings: Settings) -> None:
        self._asked = asked
        self._settings = settings
        self._database = Database(settings.database(), 2)
        self._stopping = threading.Event()
        self._defaults = dict(_default(each) for each in asked.default)
        if asked.service:
            self._defaults["service"] = asked.service

    def stop(self, *_: object) -> None:
        """Ends the run after the step that is under way, or without it where that takes long."""
        self._stopping.set()
        command = ["python", "-m", "serve_app.bulk", *sys.argv[1:]]
        _say(f"stopping; to go on: {shlex.join(command)}")
        late = threading.Timer(_STOP_SECONDS, os._exit, [STOPPED])
        late.daemon = True
        late.start()

    def run(self) -> int:
        """The exit code. Raises ApiError for what is refused, and StoreError."""
        asked, settings = self._asked, self._settings
        with self._database.reading() as session:
            user = users.by_email(session, asked.user)
        store = ObjectStore(settings)
        maker = LineMaker(settings, self._database, store, user, self._defaults)
        with closing(open_manifest(asked.manifest, settings)) as stream:
            digest = manifest.digest(stream)
        batch = self._earlier(user, digest)
        if batch is None or asked.check:
            self._validate(maker)
            if asked.check:
                return DONE
            batch = self._accept(user, digest)
        _say(f"batch {batch.id}: {batch.total:,} lines, results in {batch.output}")
        if batch.finished_at is not None and not asked.retry_failed:
            return _told(batch)
        return self._feed(batch, maker)

    def _feed(self, batch: Batch, maker: LineMaker) -> int:
        settings, database = self._settings, self._database
        output = output_place(batch.output, settings)
        token = self._take(batch)
        with database.reading() as session:
            batch, now = session.get_one(Batch, batch.id), database.now(session)
        delivery = Delivery(database, output.store(settings), settings.s3_bucket, output)
        report = ProgressLog(_say, time.monotonic)
        feeder = Feeder(
            settings, database, delivery, maker, self._lines(), batch, token, self._stopping, report
        )
        if self._asked.retry_failed:
            feeder.retry_failed(now)
        outcome = feeder.run()
        if outcome is Outcome.LEASE_LOST:
            _say("another feeder has taken the batch over")
            return STOPPED
        if outcome is Outcome.STOPPED:
            if self._asked.on_stop == "cancel":
                self._cancel(batch)
            with database.transaction() as session:
                batches.let_go(session, batch.id, token)
            return STOPPED
        with database.reading() as session:
            return _told(session.get_one(Batch, batch.id))

    def _take(self, batch: Batch) -> str:
        told = False
        while not self._stopping.is_set():
            with self._database.transaction() as session:
                now = self._database.now(session)
                token = batches.take(session, batch.id, self._settings.lease_seconds, now)
            if token is not None:
                return token
            if not told:
                _say("another feeder has this batch; waiting for it to end")
                told = True
            self._stopping.wait(1)
        raise Stopped

    def _cancel(self, batch: Batch) -> None:
        with self._database.transaction() as session:
            batches.cancel(session, batch.user_id, batch.id)
        with self._database.transaction() as session:
            batches.cancel_unstarted(session, batch.id, self._database.now(session))

    def _validate(self, maker: LineMaker) -> None:
        """Raises ApiError 422 `invalid_manifest` where a line cannot be used, unless such lines are
        to be skipped."""
        found = validate(self._lines(), maker.check, self._stopping.is_set)
        if self._stopping.is_set():
            raise Stopped
        for line, why in found.problems:
            field = f", {why.field}" if why.field else ""
            _say(f"line {line.number} ({line.id}{field}): {why.code}: {why.message}")
        _say(f"{found.lines:,} lines, {found.invalid:,} of them invalid")
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
            return batches.accept(session, user.id, new, settings, now)[0]

    def _earlier(self, user: User, digest: str) -> Batch | None:
        """The batch that the same command made before. Raises ApiError 409 `batch_conflict`."""
        new = self._new(user, digest, 0)
        with self._database.reading() as session:
            batch = session.get(Batch, batches.id_of(user.id, new.name))
        if batch is not None:
            batches.require_same(batch, new)
        return batch

    def _new(self, user: User, digest: str, lines: int) -> NewBatch:
        asked, settings = self._asked, self._settings
        options = {"defaults": self._defaults, "copy": asked.output is not None}
        named = json.dumps([asked.output, digest, self._defaults], sort_keys=True)
        name = asked.batch_id or sha256(named.encode()).hexdigest()[:16]
        own = ObjectPlace(settings.s3_bucket, f"batches/{batches.id_of(user.id, name)}/")
        output = output_place(asked.output, settings) if asked.output is not None else own
        return NewBatch(
            name, asked.manifest, digest, str(output), options, lines, settings.clip_credits
        )

    def _lines(self) -> Iterator[ManifestLine]:
        asked = self._asked
        kind = manifest.format_of(asked.manifest, asked.format)
        with closing(open_manifest(asked.manifest, self._settings)) as stream:
            yield from manifest.read(stream, asked.manifest, kind)


def _told(batch: Batch) -> int:
    """Says how the batch ended; the exit code."""
    _say(json.dumps(results.summary(batch, batch.finished_at or batch.created_at)))
    if batch.state == BatchState.CANCELLED:
        return STOPPED
    return SOME_FAILED if batch.failed else DONE


def _default(given: str) -> tuple[str, Any]:
    """`name=value`, with the type that the field has in a manifest of CSV."""
    name, equals, value = given.partition("=")
    if not equals or not name:
        raise invalid("default", f"--default must look like voice=af_heart, not {given!r}.")
    return name, manifest.cell(name, value)


def _say(text: str) -> None:
    print(text, flush=True)


def _arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m serve_app.bulk")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="feed a batch to its end, or go on with it")
    run.add_argument("--manifest", required=True, help="a file or s3://bucket/key")
    run.add_argument("--output", help="s3://bucket/folder/; left out, the bucket of the service")
    run.add_argument("--user", required=True, help="e-mail address of the account that pays")
    run.add_argument("--batch-id", help="a name for the batch; left out, a hash of what it is")
    run.add_argument("--service", help="of lines that name none: speech, conversion, sound_effects")
    run.add_argument("--default", action="append", default=[], metavar="FIELD=VALUE")
    run.add_argument("--format", choices=("jsonl", "csv"))
    run.add_argument("--check", action="store_true", help="validate only")
    run.add_argument("--skip-invalid", action="store_true", help="run the lines that are valid")
    run.add_argument("--retry-failed", action="store_true", help="try failed lines once more")
    run.add_argument("--on-stop", choices=("leave", "cancel"), default="leave")
    run.set_defaults(action=_run)
    cancel = commands.add_parser("cancel", help="cancel what has not started of a batch")
    cancel.add_argument("batch", help="the id that `run` has printed")
    cancel.add_argument("--user", required=True, help="e-mail address of its account")
    cancel.set_defaults(action=_cancel)
    return parser.parse_args(given)


def _run(asked: argparse.Namespace) -> int:
    run = Run(asked, resolve(Settings()))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, run.stop)
    return run.run()


def _cancel(asked: argparse.Namespace) -> int:
    """Cancels a batch. Its feeder, or the next one, writes the results of what was done."""
    database = Database(Settings().database(), 1)
    with database.reading() as session:
        user = users.by_email(session, asked.user)
    with database.transaction() as session:
        batches.cancel(session, user.id, asked.batch)
    cancelled = 1
    while cancelled:
        with database.transaction() as session:
            now = database.now(session)
            cancelled = batches.cancel_unstarted(session, asked.batch, now)
    _say(f"batch {asked.batch} is cancelled; the lines under way run to their end")
    return DONE


def main(given: list[str] | None = None) -> int:
    """The exit code."""
    asked = _arguments(sys.argv[1:] if given is None else given)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        return int(asked.action(asked))
    except Stopped:
        return STOPPED
    except ApiError as error:
        _say(f"refused: {error.code}: {error.message}")
        return REFUSED
    except StoreError as error:
        _say(f"failed: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
