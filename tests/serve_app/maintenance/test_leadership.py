from __future__ import annotations

from serve_app.db.engine import Database
from serve_app.maintenance.leadership import lead, resign
from tests.serve_app.actions import NOW, concurrently


def leads(database: Database, holder: str, now: float) -> bool:
    with database.transaction() as session:
        return lead(session, "sweep", holder, now, 30)


def test_lead_is_one_holders_until_it_is_over(database: Database) -> None:
    assert leads(database, "ada", NOW)
    assert not leads(database, "bob", NOW + 29)
    assert leads(database, "ada", NOW + 29)
    assert not leads(database, "bob", NOW + 58)
    assert leads(database, "bob", NOW + 59)
    assert not leads(database, "ada", NOW + 59)


def test_lead_is_free_after_resigning(database: Database) -> None:
    assert leads(database, "ada", NOW)
    with database.transaction() as session:
        resign(session, "sweep", "bob")
    assert not leads(database, "bob", NOW)
    with database.transaction() as session:
        resign(session, "sweep", "ada")
    assert leads(database, "bob", NOW)


def test_lead_is_one_holders_where_many_ask_at_once(database: Database) -> None:
    found = concurrently(8, lambda number: leads(database, f"worker {number}", NOW))
    assert found.count(True) == 1
