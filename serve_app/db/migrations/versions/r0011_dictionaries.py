"""What users keep about voices, and their pronunciation dictionaries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "voice_profiles",
        sa.Column(
            "user_id",
            sa.String(32),
            sa.ForeignKey("users.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("voice", sa.String(200), primary_key=True),
        sa.Column("about", sa.JSON(), nullable=False),
    )
    op.create_table(
        "pronunciation_dictionaries",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column(
            "user_id",
            sa.String(32),
            sa.ForeignKey("users.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("description", sa.String(500), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
    )
    op.create_index(
        "ix_pronunciation_dictionaries_user_id", "pronunciation_dictionaries", ["user_id"]
    )
