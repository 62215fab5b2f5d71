"""The tables. Times are UTC seconds since the epoch (float), so both databases compare them alike."""

from __future__ import annotations

import enum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    """Lower case."""
    password_hash: Mapped[str] = mapped_column(String(200))
    balance: Mapped[int] = mapped_column(BigInteger, default=0)
    """Always the sum of the user's ledger."""
    created_at: Mapped[float] = mapped_column(Float)

    __table_args__ = (CheckConstraint("balance >= 0", name="balance_not_negative"),)


class SignInSession(Base):
    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float] = mapped_column(Float)
    revoked_at: Mapped[float | None] = mapped_column(Float)


class ApiKey(Base):
    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    prefix: Mapped[str] = mapped_column(String(16))
    """The first characters of the key, to recognise it by."""
    created_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float | None] = mapped_column(Float)
    revoked_at: Mapped[float | None] = mapped_column(Float)
    last_used_at: Mapped[float | None] = mapped_column(Float)


class SignInFailure(Base):
    __tablename__ = "sign_in_failures"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    subject: Mapped[str] = mapped_column(String(300))
    """`account:<email>` or `address:<ip>`."""
    at: Mapped[float] = mapped_column(Float)

    __table_args__ = (Index("ix_sign_in_failures_subject_at", "subject", "at"),)


class ClipState(enum.StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


CANCELLED = "cancelled"
"""The `error_code` of a clip that its user cancelled."""


class Clip(Base):
    """A clip is also its own job: pending while `s3_key` is null and `failed` is false."""

    __tablename__ = "clips"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    service: Mapped[str] = mapped_column(String(40))
    text: Mapped[str | None] = mapped_column(Text)
    voice: Mapped[str | None] = mapped_column(String(200))
    original_voice_s3_key: Mapped[str | None] = mapped_column(String(300))
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """speed, seed, format, sample_rate and what else the service takes."""
    s3_key: Mapped[str | None] = mapped_column(String(300))
    failed: Mapped[bool] = mapped_column(Boolean, default=False)
    error_code: Mapped[str | None] = mapped_column(String(60))
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)

    # The job
    credits: Mapped[int] = mapped_column(Integer)
    """Held while pending, taken on success."""
    start_at: Mapped[float] = mapped_column(Float)
    """Not started before this time (throttle, retry backoff)."""
    turn: Mapped[int] = mapped_column(BigInteger)
    """Fair queuing number: users take turns, whoever submitted how much."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    lease: Mapped[str | None] = mapped_column(String(32))
    """Random token of the worker that holds the clip; every write of the worker names it."""
    lease_until: Mapped[float | None] = mapped_column(Float)
    started_at: Mapped[float | None] = mapped_column(Float)
    """First start; the throttle counts these."""
    finished_at: Mapped[float | None] = mapped_column(Float)
    deleted_at: Mapped[float | None] = mapped_column(Float)
    """Set while the object of a deleted clip is being removed; the row goes last."""

    # The result
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    audio_seconds: Mapped[float | None] = mapped_column(Float)
    timings: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    # Deduplication
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    request_hash: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key", name="uq_clips_idempotency"),
        Index("ix_clips_user_created", "user_id", "created_at", "id"),
        Index("ix_clips_user_started", "user_id", "started_at"),
        Index("ix_clips_user_start_at", "user_id", "start_at"),
        Index(
            "ix_clips_queue",
            "turn",
            "start_at",
            postgresql_where=text("s3_key IS NULL AND NOT failed"),
            sqlite_where=text("s3_key IS NULL AND failed = 0"),
        ),
        Index("ix_clips_deleted", "deleted_at"),
    )

    @property
    def state(self) -> ClipState:
        if self.s3_key is not None:
            return ClipState.SUCCEEDED
        if not self.failed:
            return ClipState.PENDING
        return ClipState.CANCELLED if self.error_code == CANCELLED else ClipState.FAILED


class LedgerEntry(Base):
    __tablename__ = "ledger"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    clip_id: Mapped[str | None] = mapped_column(String(32), unique=True)
    """Unique: a clip is charged once. It outlives the clip, so it is not a foreign key."""
    amount: Mapped[int] = mapped_column(BigInteger)
    balance: Mapped[int] = mapped_column(BigInteger)
    """Balance after this entry."""
    reason: Mapped[str] = mapped_column(String(60))
    """`sign_up`, `clip` or `grant`."""
    created_at: Mapped[float] = mapped_column(Float)
