"""Blocking work of requests, off the event loop: a bulkhead for each kind of it.

A route names its kind: `@reads` what only reads the database, `@writes` what changes it and may
have to wait for a row. Texts, passwords, recordings and the object store have threads of their own.
Sizes are those of one replica of the ingress.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from starlette.requests import HTTPConnection

from pipelines.runtime.cores import usable_cores
from serve_app.bulkheads import Bulkhead, Size, switch_often

P = ParamSpec("P")
T = TypeVar("T")

_READS = Size(threads=8, share=3, waiting=60, waiting_in_all=200)
_WRITES = Size(threads=8, share=2, waiting=40, waiting_in_all=200)
RECORDINGS = Size(threads=4, share=2, waiting=6, waiting_in_all=16)
_STORE = Size(threads=16, share=4, waiting=40, waiting_in_all=200)
_PROBES = Size(threads=4, share=4, waiting=4, waiting_in_all=4)
_MAX_TEXTS = 4
"""Python checks one text at a time, whatever the cores: more threads wait for each other."""


class Work:
    """The bulkheads of one process."""

    def __init__(self, cores: int | None = None) -> None:
        switch_often()
        cores = cores or usable_cores()
        checks = max(1, min(cores // 2, _MAX_TEXTS))
        self.reads = Bulkhead("reads", _READS)
        self.writes = Bulkhead("changes", _WRITES)
        self.texts = Bulkhead(
            "texts", Size(checks, share=max(1, checks - 1), waiting=20, waiting_in_all=100)
        )
        self.passwords = Bulkhead(
            "passwords", Size(cores, share=cores, waiting=20, waiting_in_all=60)
        )
        self.recordings = Bulkhead("recordings", RECORDINGS)
        self.store = Bulkhead("store", _STORE)
        self.probes = Bulkhead("probes", _PROBES)

    @property
    def connections(self) -> int:
        """How many threads may use the database at a time."""
        using = (
            self.reads,
            self.writes,
            self.texts,
            self.passwords,
            self.recordings,
            self.probes,
        )
        return sum(each.size.threads for each in using)


def address_of(request: HTTPConnection) -> str:
    """Whom the connection is from. The HTTP server has put the client's address there if the
    connection is from a proxy that it was told to trust."""
    return request.client.host if request.client else ""


def is_loopback(address: str) -> bool:
    """Whether a host or address is of this machine only."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def is_of_this_machine(request: HTTPConnection) -> bool:
    """Whether the connection is, and whatever proxies say of where it came from, trusted or not."""
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
    addresses = [each.strip() for each in forwarded.split(",") if each.strip()]
    return all(map(is_loopback, [address_of(request), *addresses]))


def reads(route: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """A route that only reads the database."""
    return _in(lambda work: work.reads, route)


def writes(route: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """A route that changes the database."""
    return _in(lambda work: work.writes, route)


def passwords(route: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """A route that hashes a password."""
    return _in(lambda work: work.passwords, route)


def recordings(route: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """A route that fetches and decodes a recording."""
    return _in(lambda work: work.recordings, route)


def _in(bulkhead: Callable[[Work], Bulkhead], route: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    @wraps(route)
    async def endpoint(*positional: P.args, **named: P.kwargs) -> T:
        state: Any = named["state"]
        who = _who(named)
        if who is None:
            # Nobody's account: what an address may ask goes at a pace of its own.
            request: Any = named["request"]
            who = address_of(request)
            await state.pace.wait(who)
        return await bulkhead(state.work).run(who, partial(route, *positional, **named))

    return endpoint


def _who(named: dict[str, Any]) -> str | None:
    """The user whose share a request has, if it has one."""
    if (user := named.get("user")) is not None:
        return str(user.id)
    if (caller := named.get("caller")) is not None:
        return str(caller.user_id)
    return None
