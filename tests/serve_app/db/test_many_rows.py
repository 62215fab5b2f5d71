"""Rows that go into the database together are those that would go one by one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import inspect, select

from serve_app.db.engine import Database
from serve_app.db.many_rows import insert_rows
from serve_app.db.models import Clip
from tests.serve_app.actions import make_user

TEXTS = ['It\'s "so": 100 %', "a\\nb\nc\td", "grüße 日本 🎧", "NULL", ":rows {}", None]


def row(user_id: str, number: int, text: str | None) -> dict[str, Any]:
    options = {"speed": 1 / 3, "sample_rate": None, "seed": 2**32 - 1, "turns": [{"end": text}]}
    return {
        "id": f"{number:032x}",
        "user_id": user_id,
        "service": "styletts2",
        "text": text,
        "options": options,
        "created_at": 1_800_000_000.123456,
        "credits": 50,
        "start_at": 0.1 + number,
        "turn": 2**40 + number,
        "ready": True,
    }


def test_insert_rows_inserts_what_single_rows_would_be(database: Database) -> None:
    user = make_user(database)
    rows = [row(user.id, number, text) for number, text in enumerate(TEXTS)]
    with database.transaction() as session:
        session.add_all(Clip(**{**each, "id": f"a{each['id'][1:]}"}) for each in rows)
    with database.transaction() as session:
        insert_rows(session, Clip, rows)
        insert_rows(session, Clip, [])
    names = [each.key for each in inspect(Clip).column_attrs if each.key != "id"]
    with database.reading() as session:
        clips = session.scalars(select(Clip).order_by(Clip.id)).all()
        together, alone = (
            [[getattr(clip, name) for name in names] for clip in half]
            for half in (clips[: len(rows)], clips[len(rows) :])
        )
    assert len(alone) == len(rows)
    assert together == alone
