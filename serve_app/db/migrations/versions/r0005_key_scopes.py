"""What an API key may do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    scopes = sa.Column("scopes", sa.JSON(), nullable=False, server_default='["generate", "read"]')
    op.add_column("api_keys", scopes)
