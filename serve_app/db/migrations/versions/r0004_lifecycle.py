"""Lost tries, remembered results, and what the sweep looks for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    losses = sa.Column("losses", sa.Integer(), nullable=False, server_default="0")
    op.add_column("clips", losses)
    op.add_column("clips", sa.Column("made_by", sa.String(32)))
    _partial_index("ix_clips_finished", "deleted_at IS NULL")
    _partial_index("ix_clips_made", "made_by IS NOT NULL")
    op.create_index("ix_clip_events_at", "clip_events", ["at"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])


def _partial_index(name: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "clips", ["finished_at"], postgresql_where=where, sqlite_where=where)
