"""Batches and their outputs in OpenAI's shape."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from serve_app.db.models import Batch, BatchFailure, BatchState
from serve_app.http.batch_view import with_link
from serve_app.storage.store import ObjectStore

FILE = "file-"
OUTPUT, ERRORS = "file-out-", "file-err-"
BATCH = "batch_"
"""What ids begin with."""
ENDPOINT = "/v1/audio/speech"
_EXPIRED = "batch_expired"


def batch_shown(batch: Batch, failures: Sequence[BatchFailure] = ()) -> dict[str, Any]:
    """The batch object; `failures` are lines of a refused one."""
    options = batch.options
    ended = None if batch.finished_at is None else int(batch.finished_at)
    status = status_of(batch)
    made = batch.state != BatchState.REFUSED
    return {
        "id": BATCH + batch.id,
        "object": "batch",
        "endpoint": ENDPOINT,
        "completion_window": "24h",
        "input_file_id": options.get("input_file", ""),
        "output_file_id": OUTPUT + batch.id if ended and made and batch.succeeded else None,
        "error_file_id": ERRORS + batch.id if ended and made and batch.failed else None,
        "status": status,
        "created_at": int(batch.created_at),
        "in_progress_at": int(batch.created_at) if batch.cursor else None,
        "expires_at": None if batch.expires_at is None else int(batch.expires_at),
        "completed_at": ended if status == "completed" else None,
        "failed_at": ended if status == "failed" else None,
        "cancelled_at": ended if status == "cancelled" else None,
        "expired_at": ended if status == "expired" else None,
        "errors": _errors(batch, failures) if status == "failed" else None,
        "request_counts": {
            "total": batch.total,
            "completed": batch.succeeded,
            "failed": batch.failed,
        },
        "metadata": options.get("metadata"),
    }


def status_of(batch: Batch) -> str:
    """OpenAI's word for the state of a batch."""
    expired = batch.error_code == _EXPIRED
    if batch.state == BatchState.RUNNING:
        return "in_progress" if batch.waiting or batch.pending else "finalizing"
    return {
        BatchState.VALIDATING: "validating",
        BatchState.CANCELLING: "finalizing" if expired else "cancelling",
        BatchState.CANCELLED: "expired" if expired else "cancelled",
        BatchState.FINISHED: "completed",
        BatchState.REFUSED: "failed",
    }[BatchState(batch.state)]


def _errors(batch: Batch, failures: Sequence[BatchFailure]) -> dict[str, Any]:
    found = [
        {"code": each.code, "line": each.line_no, "message": each.message, "param": each.field}
        for each in failures
    ]
    whole = {"code": batch.error_code, "line": None, "message": batch.error, "param": None}
    return {"object": "list", "data": found or [whole]}


def output_lines(
    lines: list[dict[str, Any]], batch: Batch, store: ObjectStore, seconds: int, failed: bool
) -> bytes:
    """The lines of an output: those that succeeded, each with a link to its audio, or those that
    failed."""
    wanted = "failed" if failed else "succeeded"
    shown = [
        _output_line(json.loads(with_link(line, batch, store, seconds)))
        for line in lines
        if line["state"] == wanted
    ]
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in shown)


def _output_line(line: dict[str, Any]) -> dict[str, Any]:
    clip = line.get("clip", "")
    shown: dict[str, Any] = {
        "id": f"batch_req_{clip or line['line']}",
        "custom_id": line["id"],
        "response": None,
        "error": None,
    }
    if "error" in line:
        shown["error"] = {"code": line["error"]["code"], "message": line["error"]["message"]}
        return shown
    body = {name: line.get(name) for name in ("url", "content_type", "bytes", "seconds", "clip")}
    shown["response"] = {"status_code": 200, "request_id": clip, "body": body}
    return shown
