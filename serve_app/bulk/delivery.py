"""Writes the results of a batch as its lines end, in the order of the manifest.

Every write may be repeated: a part is written as a whole, and a copy gives the same object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from serve_app.db.engine import Database
from serve_app.db.models import Batch, Clip
from serve_app.media.batches import outcomes, results
from serve_app.media.batches.places import ObjectPlace
from serve_app.media.batches.results import PART_LINES
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing

_LINES_AT_ONCE = 200
_COPIES_AT_ONCE = 8
_JSON_LINES = "application/x-ndjson"


class Delivery:
    """The results of one batch. `bucket` is where its clips lie. Methods raise StoreError."""

    def __init__(
        self, database: Database, store: ObjectStore, bucket: str, output: ObjectPlace
    ) -> None:
        self._database = database
        self._store = store
        self._bucket = bucket
        self._output = output
        self._copies = ThreadPoolExecutor(_COPIES_AT_ONCE, "copies")

    def advance(self, batch: Batch, token: str) -> bool:
        """Delivers the next lines that have all ended. False where there are none."""
        first = batch.delivered + 1
        with self._database.reading() as session:
            ended, clips = outcomes.ended_after(session, batch, _LINES_AT_ONCE)
        if ended < first:
            return False
        if batch.options.get("copy", False):
            list(self._copies.map(self._copy, clips))
        for number in range((first - 1) // PART_LINES, ended // PART_LINES):
            self._write_part(batch, number, (number + 1) * PART_LINES)
        with self._database.transaction() as session:
            return outcomes.deliver(session, batch.id, token, ended)

    def close(self, batch: Batch, now: float) -> None:
        """Writes the last part, the failed lines, and then the summary."""
        if batch.cursor % PART_LINES:
            self._write_part(batch, batch.cursor // PART_LINES, batch.cursor)
        self._write_errors(batch)
        text = json.dumps(results.summary(batch, now), indent=2)
        self._store.put(f"{self._output.key}summary.json", text.encode(), "application/json")

    def _write_errors(self, batch: Batch) -> None:
        key = f"{self._output.key}errors.jsonl"
        if batch.failed == 0:
            self._store.put(key, b"", _JSON_LINES)  # an earlier one is outdated
            return
        with self._store.open_writer(key, _JSON_LINES) as writer:
            for result in self._failed(batch):
                writer.write(results.as_lines([result]))
            writer.complete()

    def _failed(self, batch: Batch) -> Iterator[dict[str, Any]]:
        everything = results.read(self._database, batch, self._output, 1, batch.cursor)
        return (each for each in everything if each["state"] == "failed")

    def _copy(self, clip: Clip) -> None:
        if clip.s3_key is None:
            return
        key = results.audio_key(self._output, clip.line_id or "", clip.options["format"])
        with suppress(ObjectMissing):  # its user has deleted the clip
            self._store.copy(self._bucket, clip.s3_key, key)

    def _write_part(self, batch: Batch, number: int, last: int) -> None:
        lines = results.read(self._database, batch, self._output, number * PART_LINES + 1, last)
        self._store.put(
            results.part_key(self._output, number), results.as_lines(lines), _JSON_LINES
        )
