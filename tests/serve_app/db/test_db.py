from __future__ import annotations

import json
import multiprocessing
import re
import time
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from serve_app.db.engine import Database
from serve_app.db.models import Base, Clip, User
from serve_app.ids import new_id
from tests.postgres import Postgres
from tests.serve_app.actions import (
    NOW,
    RULES,
    claim,
    concurrently,
    make_user,
    must_claim,
    statements,
    submit,
)
from tests.serve_app.conftest import migrate

INDEXES = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
}
CHECKS = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE sql LIKE '%CHECK (balance >= 0)%'",
    "postgresql": "SELECT 1 FROM pg_constraint WHERE conname = 'balance_not_negative'",
}


@pytest.fixture
def postgres_database(new_postgres_database: Database) -> Database:
    return new_postgres_database


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based")
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_migrations_match_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrations_match_indexes_and_checks(database: Database) -> None:
    """Alembic compares neither the conditions of partial indexes nor checks."""
    dialect = database.engine.dialect.name
    migrated = _scalars(database, INDEXES[dialect])
    assert len(_scalars(database, CHECKS[dialect])) == 1
    with database.engine.begin() as connection:
        Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        Base.metadata.create_all(connection)
    modelled = _scalars(database, INDEXES[dialect])
    assert len(modelled) >= 9
    assert modelled == [each for each in migrated if "alembic_version" not in each]


def _scalars(database: Database, query: str) -> list[str]:
    with database.engine.connect() as connection:
        found = connection.execute(text(query)).scalars()
        return sorted(re.sub(r"\s+", " ", str(each)).replace('"', "") for each in found)


def test_migrate_twice_changes_nothing(database: Database) -> None:
    user = make_user(database)
    database.migrate()
    with database.transaction() as session:
        assert session.get(User, user.id) is not None


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_migrate_is_safe_to_run_concurrently(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'bernie.sqlite3'}"
    if kind == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        server.create("together")
        url = server.url("together")
    forked = multiprocessing.get_context("fork")
    processes = [forked.Process(target=migrate, args=(url,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    database = Database(url)
    assert set(inspect(database.engine).get_table_names()) > set(Base.metadata.tables)
    database.dispose()


def test_negative_balance_rolls_back(database: Database) -> None:
    user = make_user(database)

    def take() -> None:
        with database.transaction() as session:
            for amount in (1, 10_000):
                session.get_one(User, user.id).balance -= amount
                session.flush()

    with pytest.raises(IntegrityError):
        take()
    with database.transaction() as session:
        assert session.get_one(User, user.id).balance == 10_000


def test_concurrent_transactions_wait_for_each_other(database: Database) -> None:
    user = make_user(database)

    def add_one(_: int) -> None:
        for _ in range(5):
            with database.transaction() as session:
                database.lock(session, "counter")
                session.get_one(User, user.id).balance += 1

    concurrently(10, add_one)
    with database.transaction() as session:
        assert session.get_one(User, user.id).balance == 10_050


def test_reading_neither_waits_nor_writes(database: Database) -> None:
    user = make_user(database)
    with database.transaction() as writer:
        writer.get_one(User, user.id).balance = 7
        writer.flush()
        with database.reading() as reader:
            assert reader.get_one(User, user.id).balance == 10_000
            assert abs(database.now(reader) - time.time()) < 5
    with pytest.raises(DBAPIError), database.reading() as reader:
        reader.get_one(User, user.id).balance = 8
    with database.transaction() as session:
        found = session.get_one(User, user.id)
        assert found.balance == 7
        found.balance = 9


def test_foreign_keys_cascade_from_users(database: Database) -> None:
    user = make_user(database)
    clip = submit(database, user)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(User(id=new_id(), email=user.email, password_hash="", created_at=NOW))
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.get_one(Clip, clip.id).user_id = new_id()
    with database.transaction() as session:
        session.delete(session.get_one(User, user.id))
    with database.transaction() as session:
        assert session.get(Clip, clip.id) is None


def test_now_is_the_database_clock(database: Database) -> None:
    with database.transaction() as session:
        first = database.now(session)
        time.sleep(0.01)
        second = database.now(session)
    assert 0.005 < second - first < 5
    assert abs(first - time.time()) < 5


def test_times_are_stored_exactly(database: Database) -> None:
    exact = 1_800_000_000.1234567
    clip = submit(database, make_user(database), exact)
    with database.transaction() as session:
        assert session.scalars(select(Clip.created_at).where(Clip.id == clip.id)).one() == exact


def test_sqlite_writes_ahead_and_survives_a_reopening(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a' / 'b' / 'bernie.sqlite3'}"
    database = Database(url)
    database.migrate()
    user = make_user(database)
    assert _scalars(database, "PRAGMA journal_mode") == ["wal"]
    database.dispose()
    again = Database(url)
    again.ping()
    with again.transaction() as session:
        assert session.get(User, user.id) is not None
    again.dispose()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/bernie"])
def test_database_refuses_other_backends(url: str) -> None:
    with pytest.raises(ValueError, match=r"must be|must be a file"):
        Database(url)


def test_ping_raises_while_the_database_is_down(postgres: Postgres) -> None:
    database = Database("postgresql://bernie:wrong@127.0.0.1:1/bernie")
    with pytest.raises(OperationalError):
        database.ping()


def test_pool_replaces_a_connection_lost_while_idle(
    postgres_database: Database,
) -> None:
    postgres_database.ping()
    other = Database(postgres_database.engine.url.render_as_string(hide_password=False))
    with other.engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    other.dispose()
    postgres_database.ping()


# The queue at size: the statements of a claim, as they are sent, are explained by the database.


def _sent(database: Database, now: float) -> list[tuple[str, Any]]:
    with statements(database) as sent:
        assert claim(database, now, RULES) is None
    return [each for each in sent if "clips" in each[0]]


def _fill(database: Database, like: Clip, count: int, values: dict[str, str]) -> None:
    """Copies a row `count` times, with some columns replaced by SQL expressions of the number n."""
    columns = {column.name: column.name for column in Clip.__table__.columns} | values
    identifier = "substr('00000000000000000000000000000000' || n, length('' || n) + 1)"
    names, expressions = ", ".join(columns), ", ".join((columns | {"id": identifier}).values())
    statement = (
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers"
        f" WHERE n < {count}) INSERT INTO clips ({names})"
        f" SELECT {expressions} FROM numbers, clips WHERE id = '{like.id}'"
    )
    with database.engine.begin() as connection:
        connection.execute(text(statement))
    if database.engine.dialect.name == "postgresql":
        with database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("VACUUM ANALYZE"))


FINISHED = {"s3_key": "'key'", "ready": "false", "created_at": "created_at - n"}
THROTTLED = {"ready": "false", "start_at": "start_at + 1000 + n", "turn": "n"}


def test_claim_uses_the_queue_indexes_on_sqlite(sqlite_database: Database) -> None:
    database = sqlite_database
    clip = submit(database, make_user(database))
    _fill(database, clip, 2_000, FINISHED)
    must_claim(database)
    plans = []
    for statement, parameters in _sent(database, NOW + 1):
        with database.engine.connect() as connection:
            explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append(" ".join(row[3] for row in explained))
    returning, line = plans
    assert returning.endswith("SEARCH clips USING INDEX ix_clips_returning (ready=? AND <expr><?)")
    assert "SCAN" not in returning
    assert line.startswith("SEARCH clips USING INDEX ix_clips_line (ready=? AND lane=?)")
    assert "SEARCH users USING" in line
    assert "ORDER BY" not in line


@pytest.mark.parametrize("rest", [FINISHED, THROTTLED], ids=["finished", "throttled"])
def test_claim_cost_on_postgresql_is_independent_of_the_number_of_clips(
    postgres_database: Database, rest: dict[str, str]
) -> None:
    database = postgres_database
    clip = submit(database, make_user(database))
    few = 200
    _fill(database, clip, few, rest)
    must_claim(database)
    statements = _sent(database, NOW + 1)
    assert len(statements) == 2
    pages_among_few = sum(_explain(database, *each)[1] for each in statements)
    with database.engine.begin() as connection:
        connection.execute(text(f"DELETE FROM clips WHERE id <> '{clip.id}'"))
    _fill(database, clip, 100 * few, rest)
    indexes, pages = zip(*(_explain(database, *each) for each in statements), strict=True)
    # The one user fits on a page: there is no need for an index to find it.
    assert indexes == ({"ix_clips_returning", "clips_pkey"}, {"ix_clips_line", "all of users"})
    assert sum(pages) <= 2 * pages_among_few + 8


def _explain(database: Database, statement: str, parameters: Any) -> tuple[set[str], int]:
    """The indexes that are used, and the pages that are touched, when the statement is run."""
    with database.engine.connect() as connection:
        (plan,) = connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters
        ).scalars()
        connection.rollback()
    root = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    indexes, nodes = set(), [root]
    while nodes:
        node = nodes.pop()
        if "Relation Name" in node and node["Node Type"] != "ModifyTable":
            indexes.add(node.get("Index Name", f"all of {node['Relation Name']}"))
        nodes += node.get("Plans", [])
    return indexes, root["Shared Hit Blocks"] + root["Shared Read Blocks"]
