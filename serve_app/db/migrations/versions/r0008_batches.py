"""Batches, and the lanes of the queue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_PENDING = "s3_key IS NULL AND NOT failed"
_PENDING_IN_SQLITE = "s3_key IS NULL AND failed = 0"


def upgrade() -> None:
    _batches()
    _failures()
    for column in (
        sa.Column("lane", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("batch_id", sa.String(32)),
        sa.Column("line_no", sa.Integer()),
        sa.Column("line_id", sa.String(128)),
    ):
        op.add_column("clips", column)
    _replace_index("ix_clips_line", "ready", "lane", "turn", "id")
    _replace_index("ix_clips_user_pending", "user_id", "lane")
    of_batch = sa.text("batch_id IS NOT NULL")
    op.create_index(
        "uq_clips_batch_line",
        "clips",
        ["batch_id", "line_no"],
        unique=True,
        postgresql_where=of_batch,
        sqlite_where=of_batch,
    )


def _batches() -> None:
    counts = ("total", "waiting", "pending", "succeeded", "failed", "cancelled")
    op.create_table(
        "batches",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column(
            "user_id",
            sa.String(32),
            sa.ForeignKey("users.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("name", sa.String(128)),
        sa.Column("manifest", sa.String(1_000), nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=False),
        sa.Column("output", sa.String(500), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float()),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in counts),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("delivered", sa.Integer(), nullable=False),
        sa.Column("audio_seconds", sa.Float(), nullable=False),
        sa.Column("line_credits", sa.Integer(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("charged", sa.BigInteger(), nullable=False),
        sa.Column("released", sa.BigInteger(), nullable=False),
        sa.Column("lease", sa.String(32)),
        sa.Column("lease_until", sa.Float()),
    )
    op.create_index("ix_batches_user_id", "batches", ["user_id"])


def _failures() -> None:
    op.create_table(
        "batch_failures",
        sa.Column(
            "batch_id",
            sa.String(32),
            sa.ForeignKey("batches.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("line_no", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("line_id", sa.String(128), nullable=False),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("field", sa.String(100)),
    )


def _replace_index(name: str, *columns: str) -> None:
    op.drop_index(name, "clips")
    op.create_index(
        name,
        "clips",
        list(columns),
        postgresql_where=sa.text(_PENDING),
        sqlite_where=sa.text(_PENDING_IN_SQLITE),
    )
