"""The tables. Times are UTC seconds since the epoch, which both databases compare alike."""

from __future__ import annotations

import enum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    and_,
    false,
    func,
    not_,
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
    starts: Mapped[list[float]] = mapped_column(JSON, default=list)
    """Newest first starts of the user's clips, for the throttle. They outlive the clips."""
    throttle_starts: Mapped[int | None] = mapped_column(Integer)
    """How many the throttle allows in its window, in place of the setting; 0 is any number."""
    created_at: Mapped[float] = mapped_column(Float)

    __table_args__ = (CheckConstraint("balance >= 0", name="balance_not_negative"),)


class SignInSession(Base):
    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float] = mapped_column(Float, index=True)
    revoked_at: Mapped[float | None] = mapped_column(Float)
    kind: Mapped[str] = mapped_column(String(10), default="api", server_default="api")
    """`api`, `studio`, or `link`, which is exchanged once for a session of the studio."""
    last_used_at: Mapped[float | None] = mapped_column(Float)
    """Of a session of the studio."""


class ApiKey(Base):
    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[list[str]] = mapped_column(JSON, server_default='["generate", "read"]')
    """What it may do: `generate`, `read`."""
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    prefix: Mapped[str] = mapped_column(String(16))
    """The first characters of the key, to recognise it by."""
    created_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float | None] = mapped_column(Float)
    revoked_at: Mapped[float | None] = mapped_column(Float)
    last_used_at: Mapped[float | None] = mapped_column(Float)


class AuthAttempt(Base):
    __tablename__ = "sign_in_failures"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    subject: Mapped[str] = mapped_column(String(64))
    """SHA-256 of `account:<email>` or `address:<ip>`: the input of strangers is not stored."""
    at: Mapped[float] = mapped_column(Float, index=True)
    under_way: Mapped[bool] = mapped_column(Boolean, default=True, server_default=false())
    """Counted as failed until the password has been checked."""

    __table_args__ = (Index("ix_sign_in_failures_subject_at", "subject", "at"),)


class ClipState(enum.StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


CANCELLED = "cancelled"
"""The `error_code` of a clip that its user cancelled."""


INTERACTIVE, BULK = range(2)
"""Lanes of the queue: somebody waits for the clip, or it is a line of a batch."""


class Clip(Base):
    """A clip is its own job: pending while `s3_key` is null and `failed` is false."""

    __tablename__ = "clips"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    service: Mapped[str] = mapped_column(String(40))
    text: Mapped[str | None] = mapped_column(Text)
    voice: Mapped[str | None] = mapped_column(String(200))
    original_voice_s3_key: Mapped[str | None] = mapped_column(String(300))
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """speed, seed, format, sample_rate, and the other options of the service."""
    s3_key: Mapped[str | None] = mapped_column(String(300))
    failed: Mapped[bool] = mapped_column(Boolean, default=False)
    error_code: Mapped[str | None] = mapped_column(String(60))
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)

    # The job
    credits: Mapped[int] = mapped_column(Integer)
    """Held while pending, charged on success."""
    start_at: Mapped[float] = mapped_column(Float)
    """The earliest start (throttle, retry backoff)."""
    turn: Mapped[int] = mapped_column(BigInteger)
    """Start-time fair queuing number: users take turns, however much each submits."""
    ready: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether it can be claimed. False while throttled, backing off or leased, and when
    finished."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    losses: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Attempts lost with the process that ran them. A clip with any is suspected of killing it."""
    lease: Mapped[str | None] = mapped_column(String(32))
    """Random token of the worker that holds the clip. Every write of the worker names it."""
    lease_until: Mapped[float | None] = mapped_column(Float)
    maker: Mapped[str | None] = mapped_column(String(100))
    """`host:port` of the worker that holds the clip: who shows the lease can listen to it there."""
    started_at: Mapped[float | None] = mapped_column(Float)
    """The first start; the throttle counts these."""
    finished_at: Mapped[float | None] = mapped_column(Float)
    deleted_at: Mapped[float | None] = mapped_column(Float)
    """Set while the object of a deleted clip is being removed; the row is removed last."""

    # The result
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    audio_seconds: Mapped[float | None] = mapped_column(Float)
    timings: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    made_by: Mapped[str | None] = mapped_column(String(32))
    """The lease under which the stored audio of a clip that has not succeeded was made. The object
    names it too. The three columns above describe that audio."""

    # The batch
    lane: Mapped[int] = mapped_column(
        SmallInteger, default=INTERACTIVE, server_default=str(INTERACTIVE)
    )
    """Each lane is a line of its own, with turns of its own; see `jobs.claiming`."""
    batch_id: Mapped[str | None] = mapped_column(String(32))
    """No foreign key: a batch is deleted with its user only, and so are its clips."""
    line_no: Mapped[int | None] = mapped_column(Integer)
    """Number of the line in the manifest, from 1. Null once a later clip has taken its place."""
    line_id: Mapped[str | None] = mapped_column(String(128))
    """What the manifest calls the line."""

    # Deduplication
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    request_hash: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key", name="uq_clips_idempotency"),
        Index("ix_clips_user_created", "user_id", "created_at", "id"),
    )

    @property
    def state(self) -> ClipState:
        if self.s3_key is not None:
            return ClipState.SUCCEEDED
        if not self.failed:
            return ClipState.PENDING
        return ClipState.CANCELLED if self.error_code == CANCELLED else ClipState.FAILED


PENDING = and_(Clip.s3_key.is_(None), not_(Clip.failed))
"""The one definition of pending in SQL: the indexes of the queue hold these rows only."""
RETURNS_AT = func.coalesce(Clip.lease_until, Clip.start_at)
"""When a pending clip that is not ready becomes so: the end of its lease, else its start time."""


def _partial_index(
    name: str, *columns: Any, where: ColumnElement[bool], unique: bool = False
) -> None:
    Index(name, *columns, unique=unique, postgresql_where=where, sqlite_where=where)


_partial_index("ix_clips_line", Clip.ready, Clip.lane, Clip.turn, Clip.id, where=PENDING)
_partial_index("ix_clips_returning", Clip.ready, RETURNS_AT, where=PENDING)
_partial_index("ix_clips_user_pending", Clip.user_id, Clip.lane, where=PENDING)
_partial_index("ix_clips_deleted", Clip.deleted_at, where=Clip.deleted_at.is_not(None))
_partial_index("ix_clips_finished", Clip.finished_at, where=Clip.deleted_at.is_(None))
_partial_index("ix_clips_made", Clip.finished_at, where=Clip.made_by.is_not(None))
_partial_index(
    "uq_clips_batch_line",
    Clip.batch_id,
    Clip.line_no,
    unique=True,
    where=Clip.batch_id.is_not(None),
)


class BatchState(enum.StrEnum):
    VALIDATING = "validating"
    """Accepted over HTTP; its lines are not checked yet."""
    RUNNING = "running"
    CANCELLING = "cancelling"
    """Cancelled by its user; the lines under way run to their end."""
    FINISHED = "finished"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    """Lines of it cannot be used, so that none of them was begun."""


class Batch(Base):
    """The lines of a manifest, made into clips a window at a time.

    `total = waiting + pending + succeeded + failed + cancelled`, and
    `price = held + (credits of its pending clips) + charged + released`. Every count changes in the
    transaction that changes what it counts.
    """

    __tablename__ = "batches"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str | None] = mapped_column(String(128))
    """Given by its user."""
    manifest: Mapped[str] = mapped_column(String(1_000))
    """Where the manifest was read."""
    manifest_sha256: Mapped[str] = mapped_column(String(64))
    output: Mapped[str] = mapped_column(String(500))
    """`s3://bucket/prefix/` of the results."""
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What else decides about the results: the defaults of the lines, and whether audio is
    copied."""
    state: Mapped[str] = mapped_column(String(20), default=BatchState.RUNNING)
    created_at: Mapped[float] = mapped_column(Float)
    finished_at: Mapped[float | None] = mapped_column(Float)
    expires_at: Mapped[float | None] = mapped_column(Float)
    """When what has not begun is cancelled."""
    error_code: Mapped[str | None] = mapped_column(String(60))
    """Why it was refused, or ended before its time."""
    error: Mapped[str | None] = mapped_column(Text)
    by_service: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether the service feeds it, and not a job."""

    # Lines
    total: Mapped[int] = mapped_column(Integer)
    waiting: Mapped[int] = mapped_column(Integer)
    """Not yet clips."""
    pending: Mapped[int] = mapped_column(Integer, default=0)
    succeeded: Mapped[int] = mapped_column(Integer, default=0)
    failed: Mapped[int] = mapped_column(Integer, default=0)
    cancelled: Mapped[int] = mapped_column(Integer, default=0)
    cursor: Mapped[int] = mapped_column(Integer, default=0)
    """Number of the last line that became a clip or failed without one."""
    delivered: Mapped[int] = mapped_column(Integer, default=0)
    """Number of the last line up to which all results are written."""
    audio_seconds: Mapped[float] = mapped_column(Float, default=0.0)

    # Credits
    line_credits: Mapped[int] = mapped_column(Integer)
    """Price of one line."""
    price: Mapped[int] = mapped_column(BigInteger)
    """Of all lines, at acceptance."""
    held: Mapped[int] = mapped_column(BigInteger)
    """For lines that are not yet clips. The hold of a line moves to its clip."""
    charged: Mapped[int] = mapped_column(BigInteger, default=0)
    released: Mapped[int] = mapped_column(BigInteger, default=0)

    # The feeder
    lease: Mapped[str | None] = mapped_column(String(32))
    """Random token of the feeder that has the batch. Every write of the feeder names it."""
    lease_until: Mapped[float | None] = mapped_column(Float)
    """When the lease ends, or ended; None before the first."""
    paused_seconds: Mapped[float] = mapped_column(Float, default=0.0, server_default="0")
    """Of the time since `created_at`, in which no feeder had it and none of its lines was made."""


_partial_index("ix_batches_open", Batch.created_at, where=Batch.finished_at.is_(None))


class BatchFailure(Base):
    """A line that failed before it became a clip."""

    __tablename__ = "batch_failures"

    batch_id: Mapped[str] = mapped_column(
        ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True
    )
    line_no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    line_id: Mapped[str] = mapped_column(String(128))
    code: Mapped[str] = mapped_column(String(60))
    message: Mapped[str] = mapped_column(Text)
    field: Mapped[str | None] = mapped_column(String(100))


class ClipEvent(Base):
    """An event of a clip. The numbers of a clip's events only grow."""

    __tablename__ = "clip_events"

    clip_id: Mapped[str] = mapped_column(
        ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True
    )
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[float] = mapped_column(Float, index=True)
    kind: Mapped[str] = mapped_column(String(20))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class ClipPeaks(Base):
    """The outline of a clip's waveform. Beside the clip, whose row the queue changes often."""

    __tablename__ = "clip_peaks"

    clip_id: Mapped[str] = mapped_column(
        ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True
    )
    pairs: Mapped[bytes] = mapped_column(LargeBinary)
    """As `pipelines.audio.peaks` makes them."""


class ClipWords(Base):
    """When the words of a clip are said. Beside the clip, whose row the queue changes often."""

    __tablename__ = "clip_words"

    clip_id: Mapped[str] = mapped_column(
        ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True
    )
    packed: Mapped[bytes] = mapped_column(LargeBinary)
    """As `media.word_times` packs them."""


class VoiceProfile(Base):
    """What a user keeps about a voice, a shipped one or one of their own."""

    __tablename__ = "voice_profiles"

    user_id: Mapped[str] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    voice: Mapped[str] = mapped_column(String(200), primary_key=True)
    """The name of a shipped voice, or the id of one's own."""
    about: Mapped[dict[str, Any]] = mapped_column(JSON)
    """`settings`, `description` and `labels`, as far as they are set."""


class PronunciationDictionary(Base):
    __tablename__ = "pronunciation_dictionaries"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[float] = mapped_column(Float)
    version: Mapped[str] = mapped_column(String(32))
    """The id of its rules as they are now."""
    rules: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    """As `media.dictionaries.Rule` has them."""


class RecordingUpload(Base):
    """A key in the object store to which a user may send a recording."""

    __tablename__ = "uploads"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    s3_key: Mapped[str] = mapped_column(String(300), unique=True)
    content_type: Mapped[str] = mapped_column(String(100))
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[float] = mapped_column(Float, index=True)
    seconds: Mapped[float | None] = mapped_column(Float)
    """Length of the recording, once it was inspected."""
    deleted_at: Mapped[float | None] = mapped_column(Float)
    """Set while a presigned URL could bring the object of a deleted upload back."""
    removed_at: Mapped[float | None] = mapped_column(Float)
    """When the object of a deleted upload was removed for the first time."""


class Voice(Base):
    """A user's own voice, kept as a recording of it."""

    __tablename__ = "voices"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    s3_key: Mapped[str] = mapped_column(String(300), unique=True)
    seconds: Mapped[float] = mapped_column(Float)
    created_at: Mapped[float] = mapped_column(Float)
    deleted_at: Mapped[float | None] = mapped_column(Float)
    """Set while the recording of a deleted voice is being removed; the row is removed last."""

    __table_args__ = (
        Index(
            "uq_voices_user_name",
            "user_id",
            "name",
            unique=True,
            postgresql_where=deleted_at.is_(None),
            sqlite_where=deleted_at.is_(None),
        ),
    )


class Leader(Base):
    """Which worker has a duty that only one has at a time."""

    __tablename__ = "leaders"

    duty: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(32))
    until: Mapped[float] = mapped_column(Float)


class LedgerEntry(Base):
    __tablename__ = "ledger"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    clip_id: Mapped[str | None] = mapped_column(String(32), unique=True)
    """Unique: a clip is charged once. It outlives the clip, so it is no foreign key."""
    amount: Mapped[int] = mapped_column(BigInteger)
    balance: Mapped[int] = mapped_column(BigInteger)
    """Balance after this entry."""
    reason: Mapped[str] = mapped_column(String(60))
    """`sign_up`, `clip` or `grant`."""
    created_at: Mapped[float] = mapped_column(Float)

    __table_args__ = (Index("ix_ledger_user", "user_id", "id"),)
