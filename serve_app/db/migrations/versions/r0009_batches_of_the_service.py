"""Batches that the service feeds itself, and batches that end before their time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for column in (
        sa.Column("expires_at", sa.Float()),
        sa.Column("error_code", sa.String(60)),
        sa.Column("error", sa.Text()),
        sa.Column("by_service", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("batches", column)
    unfinished = sa.text("finished_at IS NULL")
    op.create_index(
        "ix_batches_open",
        "batches",
        ["created_at"],
        postgresql_where=unfinished,
        sqlite_where=unfinished,
    )
