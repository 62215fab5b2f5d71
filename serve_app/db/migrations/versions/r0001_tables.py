"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_PENDING = "s3_key IS NULL AND NOT failed"


def upgrade() -> None:
    _users()
    _credentials()
    _clips()
    _ledger()


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False, unique=True),
        sa.Column("password_hash", sa.String(200), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("starts", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.CheckConstraint("balance >= 0", name="balance_not_negative"),
    )


def _credentials() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(32), primary_key=True),
        _user_id(),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("revoked_at", sa.Float()),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(32), primary_key=True),
        _user_id(),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float()),
        sa.Column("revoked_at", sa.Float()),
        sa.Column("last_used_at", sa.Float()),
    )
    op.create_index("ix_api_keys_user_id", "api_keys", ["user_id"])
    op.create_table(
        "sign_in_failures",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
    op.create_index("ix_sign_in_failures_at", "sign_in_failures", ["at"])
    op.create_index("ix_sign_in_failures_subject_at", "sign_in_failures", ["subject", "at"])


def _clips() -> None:
    op.create_table(
        "clips",
        sa.Column("id", sa.String(32), primary_key=True),
        _user_id(),
        sa.Column("service", sa.String(40), nullable=False),
        sa.Column("text", sa.Text()),
        sa.Column("voice", sa.String(200)),
        sa.Column("original_voice_s3_key", sa.String(300)),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("s3_key", sa.String(300)),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("error_code", sa.String(60)),
        sa.Column("error", sa.Text()),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("start_at", sa.Float(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease", sa.String(32)),
        sa.Column("lease_until", sa.Float()),
        sa.Column("started_at", sa.Float()),
        sa.Column("finished_at", sa.Float()),
        sa.Column("deleted_at", sa.Float()),
        sa.Column("bytes", sa.BigInteger()),
        sa.Column("audio_seconds", sa.Float()),
        sa.Column("timings", sa.JSON()),
        sa.Column("idempotency_key", sa.String(200)),
        sa.Column("request_hash", sa.String(64)),
        sa.UniqueConstraint("user_id", "idempotency_key", name="uq_clips_idempotency"),
    )
    op.create_index("ix_clips_user_created", "clips", ["user_id", "created_at", "id"])
    _partial_index("ix_clips_line", "ready", "turn", "id", where=_PENDING)
    returns_at = sa.text("coalesce(lease_until, start_at)")
    _partial_index("ix_clips_returning", "ready", returns_at, where=_PENDING)
    _partial_index("ix_clips_user_pending", "user_id", where=_PENDING)
    _partial_index("ix_clips_deleted", "deleted_at", where="deleted_at IS NOT NULL")


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        _user_id(),
        sa.Column("clip_id", sa.String(32), unique=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(60), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_ledger_user", "ledger", ["user_id", "id"])


def _user_id() -> sa.Column[str]:
    key = sa.ForeignKey("users.id", ondelete="CASCADE")
    return sa.Column("user_id", sa.String(32), key, nullable=False)


def _partial_index(name: str, *columns: str | sa.TextClause, where: str) -> None:
    # SQLite has no boolean type and matches a query with an index by the form of its terms.
    in_sqlite = where.replace("NOT failed", "failed = 0")
    op.create_index(
        name,
        "clips",
        list(columns),
        postgresql_where=sa.text(where),
        sqlite_where=sa.text(in_sqlite),
    )
