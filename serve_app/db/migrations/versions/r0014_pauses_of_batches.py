"""How long a batch stood still between two feeders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    paused = sa.Column("paused_seconds", sa.Float(), nullable=False, server_default="0")
    op.add_column("batches", paused)
