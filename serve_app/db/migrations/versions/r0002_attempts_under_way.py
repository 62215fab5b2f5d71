"""Tell sign-ins that are under way from those that failed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "sign_in_failures",
        sa.Column("under_way", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
