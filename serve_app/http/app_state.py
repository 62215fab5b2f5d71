"""What the HTTP layer works on, built once per ingress replica."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from serve_app.db.engine import Database
from serve_app.foreground import Foreground
from serve_app.http.pace import MESSAGE_BURST, MESSAGE_RATE, Pace
from serve_app.http.relay import Relay
from serve_app.http.single_flight import SingleFlight
from serve_app.http.wait_slots import MAX_STRANGERS, MAX_STRANGERS_PER_ADDRESS, WaitSlots
from serve_app.http.work import Work
from serve_app.jobs.admission import QueueStats
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore


@dataclass(frozen=True, slots=True)
class GraphStatus:
    """Whether every deployment of the graph has a running replica, and if not, which has none."""

    ready: bool
    detail: str = ""
    replicas: Mapping[str, int] = field(default_factory=dict)
    """How many run of each deployment."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What cannot take work, and the running replicas of each deployment as far as they are
    known."""

    missing: tuple[str, ...]
    replicas: Mapping[str, int]

    @property
    def message(self) -> str:
        """A sentence; empty where nothing is missing."""
        return f"Not ready: {', '.join(self.missing)}." if self.missing else ""


@dataclass(frozen=True, slots=True)
class AppState:
    """`clock` and `metrics` are called from threads, `graph_status` on the event loop."""

    settings: Settings
    database: Database
    store: ObjectStore
    clock: Callable[[Session], float]
    """Epoch seconds inside a transaction: `Database.now`, so that all machines agree."""
    graph_status: Callable[[], Awaitable[GraphStatus]]
    metrics: Callable[[], str]
    """The Prometheus text of `/metrics`."""
    relay: Relay | None = None
    """Through which the proxy in front of this process can fetch streamed answers, if it does."""
    work: Work = field(default_factory=Work)
    foreground: Foreground = field(default_factory=Foreground)
    callers: Counter[str] = field(default_factory=Counter)
    """Calls of other services' clients that hear each clip at this process."""
    pace: Pace = field(default_factory=Pace)
    message_pace: Pace = field(default_factory=lambda: Pace(MESSAGE_RATE, MESSAGE_BURST))
    """Of the messages of each user's connections."""
    wait_slots: WaitSlots = field(default_factory=WaitSlots)
    strangers: WaitSlots = field(
        default_factory=lambda: WaitSlots(MAX_STRANGERS, MAX_STRANGERS_PER_ADDRESS)
    )
    """Connections that have yet to say whose they are, of each address."""
    readiness_check: SingleFlight[Readiness] = field(default_factory=SingleFlight)
    """What `/readyz` found, and `metrics_scrape` what `/metrics` did: anybody may ask for them."""
    part_checks: Mapping[str, SingleFlight[GraphStatus | None]] = field(
        default_factory=lambda: defaultdict(SingleFlight)
    )
    """The same for each part that `/readyz` looks at."""
    metrics_scrape: SingleFlight[str] = field(default_factory=SingleFlight)
    queue_look: SingleFlight[QueueStats] = field(default_factory=SingleFlight)
    """The queue, for `/api/status`: it is counted once for all who ask."""
