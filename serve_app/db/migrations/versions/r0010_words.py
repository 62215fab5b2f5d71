"""When the words of a clip are said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "clip_words",
        sa.Column(
            "clip_id",
            sa.String(32),
            sa.ForeignKey("clips.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
    )
