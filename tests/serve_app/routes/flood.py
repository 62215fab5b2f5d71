"""A client that asks as fast as it is answered, in a process of its own."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

Answers = Counter[tuple[int, str]]


@dataclass(frozen=True)
class Ask:
    """One request. `{n}` in its path and body becomes its number."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    cut_after: float = 60.0
    """Seconds after which the client goes away."""


@dataclass(frozen=True)
class Flood:
    """Requests that each connection sends in turn."""

    asks: list[Ask]
    headers: dict[str, str] = field(default_factory=dict)


def stand_back() -> None:
    """On a small machine the computing of the flood itself would be what is measured."""
    os.nice(15)


def run_flood(flood: Flood, url: str, connections: int, seconds: float) -> Answers:
    """What was answered, by status and code."""
    return asyncio.run(_run(flood, url, connections, seconds))


async def _run(flood: Flood, url: str, connections: int, seconds: float) -> Answers:
    answers: Answers = Counter()
    end = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(
        base_url=url, limits=limits, timeout=60, headers=flood.headers
    ) as client:

        async def connection(number: int) -> None:
            for again in itertools.count():
                ask = flood.asks[(number + again) % len(flood.asks)]
                answers[await _send(client, ask, number + 1_000 * again)] += 1

        tasks = [asyncio.create_task(connection(number)) for number in range(connections)]
        await asyncio.sleep(max(0.0, end - time.monotonic()))
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for each in ended:
        if not isinstance(each, asyncio.CancelledError | type(None)):
            raise each
    return answers


async def _send(client: httpx.AsyncClient, ask: Ask, number: int) -> tuple[int, str]:
    body = ask.body and {
        name: value.replace("{n}", str(number)) if isinstance(value, str) else value
        for name, value in ask.body.items()
    }
    path = ask.path.replace("{n}", str(number))
    try:
        answer = await client.request(ask.method, path, json=body, timeout=ask.cut_after)
    except httpx.ReadTimeout:
        return 0, "went away"
    return answer.status_code, "" if answer.is_success else answer.json()["error"]["code"]
