"""What the HTTP layer stands on, built once per ingress replica."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from serve_app.db.engine import Database
from serve_app.http.single_flight import SingleFlight
from serve_app.http.wait_slots import WaitSlots
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore


@dataclass(frozen=True, slots=True)
class GraphStatus:
    """Whether the deployments that make clips can take work, and if not, which cannot."""

    ready: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AppState:
    """`clock`, `wake` and `metrics` are called from threads, `graph_status` on the event loop."""

    settings: Settings
    database: Database
    store: ObjectStore
    clock: Callable[[Session], float]
    """Epoch seconds inside a transaction; `database.now`, so that all machines agree."""
    wake: Callable[[], None]
    """Tells the workers that a clip waits. They also poll, so it may be lost; it never raises."""
    graph_status: Callable[[], Awaitable[GraphStatus]]
    metrics: Callable[[], str]
    """The Prometheus text of `/metrics`."""
    wait_slots: WaitSlots = field(default_factory=WaitSlots)
    readiness_check: SingleFlight[list[str]] = field(default_factory=SingleFlight)
    """What `/readyz` found, and `metrics_scrape` what `/metrics` did: anybody may ask for them."""
    metrics_scrape: SingleFlight[str] = field(default_factory=SingleFlight)
