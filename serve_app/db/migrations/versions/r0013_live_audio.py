"""Where a clip can be listened to while it is made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("clips", sa.Column("maker", sa.String(100)))
    op.drop_column("clips", "streamed")
