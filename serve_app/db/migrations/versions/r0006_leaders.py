"""Duties of one worker at a time; when the object of a deleted upload was removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "leaders",
        sa.Column("duty", sa.String(40), primary_key=True),
        sa.Column("holder", sa.String(32), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
    )
    op.add_column("uploads", sa.Column("removed_at", sa.Float()))
