"""The kind of a session; the outline of a clip's waveform."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column(
        "sessions", sa.Column("kind", sa.String(10), nullable=False, server_default="api")
    )
    op.add_column("sessions", sa.Column("last_used_at", sa.Float()))
    op.create_table(
        "clip_peaks",
        sa.Column(
            "clip_id",
            sa.String(32),
            sa.ForeignKey("clips.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("pairs", sa.LargeBinary(), nullable=False),
    )
