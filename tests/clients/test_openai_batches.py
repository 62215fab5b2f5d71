"""OpenAI's files and batches by its Python client."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types import Batch

from tests.clients.audio import decode
from tests.clients.server import Server
from tests.waiting import until

ENDPOINT = "/v1/audio/speech"


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key=server.account(), max_retries=0) as client:
        yield client


def line(custom_id: str, text: str, **changes: Any) -> dict[str, Any]:
    body = {"model": "tts-1", "input": text, "voice": "alloy", "response_format": "opus"}
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": ENDPOINT,
        "body": {**body, **changes},
    }


def send(client: OpenAI, *lines: dict[str, Any]) -> str:
    content = "".join(json.dumps(each) + "\n" for each in lines).encode()
    return client.files.create(file=("lines.jsonl", io.BytesIO(content)), purpose="batch").id


def create(client: OpenAI, file_id: str) -> Batch:
    return client.batches.create(
        input_file_id=file_id,
        endpoint=ENDPOINT,
        completion_window="24h",
        metadata={"month": "June"},
    )


def ended(client: OpenAI, batch: Batch) -> Batch:
    states = {"completed", "failed", "cancelled", "expired"}
    until(lambda: client.batches.retrieve(batch.id).status in states, 60, "the batch ends")
    return client.batches.retrieve(batch.id)


def test_batch_from_file_to_audio(client: OpenAI) -> None:
    file_id = send(client, line("a", "One."), line("b", "Two.", response_format="mp3"))
    assert client.files.retrieve(file_id).purpose == "batch"
    assert [each.id for each in client.files.list()] == [file_id]
    assert json.loads(client.files.content(file_id).text.splitlines()[0])["custom_id"] == "a"
    batch = create(client, file_id)
    assert (batch.status, batch.metadata) == ("validating", {"month": "June"})
    batch = ended(client, batch)
    assert (batch.status, batch.input_file_id) == ("completed", file_id)
    counts = batch.request_counts
    assert counts is not None
    assert (counts.total, counts.completed, counts.failed) == (2, 2, 0)
    assert batch.error_file_id is None
    assert batch.output_file_id is not None
    output = [json.loads(each) for each in client.files.content(batch.output_file_id).iter_lines()]
    assert [each["custom_id"] for each in output] == ["a", "b"]
    body = output[0]["response"]["body"]
    samples, rate = decode(httpx.get(body["url"]).content)
    assert len(samples) / rate == pytest.approx(body["seconds"], abs=0.1)
    assert [each.id for each in client.batches.list()] == [batch.id]
    assert client.files.delete(file_id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file_id)


def test_bad_line_fails_the_batch_and_says_which(client: OpenAI) -> None:
    bad = {**line("c", "Three."), "url": "/v1/embeddings"}
    batch = ended(client, create(client, send(client, line("a", "One."), bad)))
    assert batch.status == "failed"
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert [(each.line, each.param) for each in batch.errors.data] == [(2, "url")]


def test_cancelled_batch_keeps_what_was_made(client: OpenAI, server: Server) -> None:
    server.stages["styletts2"].hold.clear()
    batch = create(client, send(client, *(line(str(at), f"Line {at}.") for at in range(40))))
    until(lambda: any(clip.lease for clip in server.clips()), 60, "lines are under way")
    assert client.batches.cancel(batch.id).status == "cancelling"
    server.stages["styletts2"].hold.set()
    batch = ended(client, batch)
    assert batch.status == "cancelled"
    assert batch.request_counts is not None
    assert 0 < batch.request_counts.completed < 40
    with pytest.raises(openai.BadRequestError):
        client.batches.cancel(batch.id)


def test_refusals_are_those_of_openai(client: OpenAI, server: Server) -> None:
    with pytest.raises(openai.NotFoundError):
        create(client, "file-" + "0" * 32)
    with pytest.raises(openai.BadRequestError, match="purpose"):
        client.files.create(file=("a.jsonl", b"{}"), purpose="assistants")
    with (
        OpenAI(
            base_url=f"{server.url}/v1", api_key=server.account(credits=10), max_retries=0
        ) as poor,
        pytest.raises(openai.RateLimitError, match="costs 50 credits"),
    ):
        create(poor, send(poor, line("a", "One.")))
