"""What the native API takes and gives. Requests refuse unknown fields and do not convert types."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticKnownError

from serve_app.accounts.credentials import ALL_SCOPES, Scope
from serve_app.db.models import ApiKey, ClipState, LedgerEntry, SignInSession, User
from serve_app.field_rules import (
    EACH_ONCE,
    EMAIL_LENGTH,
    EMAIL_SHAPE,
    ONE_OR_MORE,
    PASSWORD_LENGTH,
    between,
    length,
    matching,
)

Item = TypeVar("Item")

EXAMPLE_ID = "0199a3f2c1d47e5b9a0c3d8e6f214b70"
EXAMPLE_TIME = "2026-03-01T12:00:00Z"

ServiceName = Literal["styletts2", "seedvc", "make-an-audio"]

Email = Annotated[str, EMAIL_LENGTH, EMAIL_SHAPE]
IdempotencyKey = Annotated[
    str,
    matching("[!-~]{1,200}", "must have 1 to 200 visible ASCII characters"),
]


def moment(seconds: float) -> datetime:
    """Epoch seconds as a UTC time, which JSON shows in RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC)


def moment_or_none(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


class Body(BaseModel):
    """A request body. No string in it holds half of a surrogate pair, which JSON can name but
    nothing can store."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @field_validator("*", mode="before")
    @classmethod
    def _is_unicode(cls, value: Any) -> Any:
        if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise PydanticKnownError("string_unicode")
        return value


class Query(BaseModel):
    """The query parameters of a request."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(BaseModel):
    code: str = Field(description="Stable, for programs.")
    message: str = Field(description="A sentence, for people.")
    field: str | None = Field(None, description="The part of the request at fault, if it is one.")


class ErrorBody(BaseModel):
    error: ErrorDetail


class PageOut(BaseModel, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = Field(description="Where the next page starts; null on the last.")


class ListOut(BaseModel, Generic[Item]):
    items: list[Item]


class PageQuery(Query):
    limit: Annotated[int, between(1, 100)] = Field(20, description="Items on a page.")
    cursor: Annotated[str, length(1, 200)] | None = Field(
        None, description="`next_cursor` of the page before."
    )


# Accounts


class SignUp(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "ada@example.com", "password": "analytical engine"}]
        }
    )

    email: Email
    password: Annotated[str, PASSWORD_LENGTH]


class SignIn(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "ada@example.com", "password": "analytical engine"}]
        }
    )

    email: Email
    password: Annotated[str, length(1, 200)]


class AccountOut(BaseModel):
    id: str = Field(examples=[EXAMPLE_ID])
    email: str = Field(examples=["ada@example.com"])
    credits: int = Field(description="The balance.", examples=[10_000])
    held: int = Field(description="Credits that pending clips will take.", examples=[50])
    available: int = Field(description="`credits` less `held`.", examples=[9_950])
    created_at: datetime = Field(examples=[EXAMPLE_TIME])

    @classmethod
    def of(cls, user: User, balance: int, held: int) -> AccountOut:
        return cls(
            id=user.id,
            email=user.email,
            credits=balance,
            held=held,
            available=balance - held,
            created_at=moment(user.created_at),
        )


class SignedIn(BaseModel):
    token: str = Field(description="Send it as `Authorization: Bearer …`.", examples=["bs_5Zk0…"])
    expires_at: datetime = Field(examples=[EXAMPLE_TIME])
    account: AccountOut


class SessionOut(BaseModel):
    id: str = Field(examples=[EXAMPLE_ID])
    created_at: datetime = Field(examples=[EXAMPLE_TIME])
    expires_at: datetime = Field(examples=[EXAMPLE_TIME])
    current: bool = Field(description="Whether it is the one that asks.")

    @classmethod
    def of(cls, opened: SignInSession, current: bool) -> SessionOut:
        return cls(
            id=opened.id,
            created_at=moment(opened.created_at),
            expires_at=moment(opened.expires_at),
            current=current,
        )


class NewKey(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "laptop", "expires_in_seconds": 2_592_000},
                {"name": "archive", "scopes": ["read"]},
            ]
        }
    )

    name: Annotated[
        str,
        length(1, 100),
        matching(r"[^\u0000-\u001f\u007f-\u009f]*", "must have no control characters"),
    ]
    expires_in_seconds: Annotated[int, between(1, 315_360_000)] | None = Field(
        None, description="Up to ten years; left out, the key does not expire."
    )
    scopes: Annotated[list[Scope], ONE_OR_MORE, EACH_ONCE] = Field(
        list(ALL_SCOPES),
        description="What the key may do: `generate` (make and delete what is the account's), "
        "`read` (list, look at and download it).",
    )


class KeyOut(BaseModel):
    id: str = Field(examples=[EXAMPLE_ID])
    name: str = Field(examples=["laptop"])
    scopes: list[Scope] = Field(examples=[["generate", "read"]])
    prefix: str = Field(description="How the key begins.", examples=["bk_2mV9q"])
    created_at: datetime = Field(examples=[EXAMPLE_TIME])
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def fields_of(cls, key: ApiKey) -> dict[str, Any]:
        return {
            "id": key.id,
            "name": key.name,
            "scopes": key.scopes,
            "prefix": key.prefix,
            "created_at": moment(key.created_at),
            "expires_at": moment_or_none(key.expires_at),
            "last_used_at": moment_or_none(key.last_used_at),
        }

    @classmethod
    def of(cls, key: ApiKey) -> KeyOut:
        return cls(**cls.fields_of(key))


class CreatedKeyOut(KeyOut):
    key: str = Field(description="The secret. It is shown this once.", examples=["bk_2mV9q…"])

    @classmethod
    def with_secret(cls, key: ApiKey, secret: str) -> CreatedKeyOut:
        return cls(key=secret, **cls.fields_of(key))


class LedgerEntryOut(BaseModel):
    amount: int = Field(description="Credits added, or taken if negative.", examples=[-50])
    balance: int = Field(description="The balance after this entry.", examples=[9_950])
    reason: str = Field(description="`sign_up`, `clip` or `grant`.", examples=["clip"])
    clip_id: str | None = Field(examples=[EXAMPLE_ID])
    created_at: datetime = Field(examples=[EXAMPLE_TIME])

    @classmethod
    def of(cls, entry: LedgerEntry) -> LedgerEntryOut:
        return cls(
            amount=entry.amount,
            balance=entry.balance,
            reason=entry.reason,
            clip_id=entry.clip_id,
            created_at=moment(entry.created_at),
        )


# Services and clips


class ServiceOut(BaseModel):
    name: ServiceName
    title: str = Field(examples=["Text to speech"])
    submit: str = Field(description="Where clips are submitted.", examples=["/api/speech"])
    installed: bool
    install: str | None = Field(
        description="The command that installs it, where it is not.",
        examples=["bernie fetch seed-vc"],
    )
    pipeline: str | None = Field(description="The model that runs.", examples=["kokoro"])
    note: str | None = Field(
        description="What to know of that model before using it.",
        examples=["A small model: a voice that ships, or a blend, says what a recording says."],
    )
    sample_rate: int | None = Field(description="Of the model, in Hz.", examples=[24_000])
    device: str = Field(examples=["cpu"])
    dtype: str = Field(examples=["auto"])
    credits: int = Field(description="Price of a clip.", examples=[50])
    options: dict[str, Any] = Field(
        description="JSON schema of what a clip can be asked for, with limits and defaults."
    )


class ClipsQuery(PageQuery):
    service: ServiceName | None = None
    state: ClipState | None = None


class ClipQuery(Query):
    wait: Annotated[int, between(0, 30)] = Field(
        0, description="Seconds to wait for a pending clip to finish before answering."
    )


class EventsQuery(Query):
    after: Annotated[int, between(0, 2**31 - 1)] = Field(
        0, description="Only events after this number."
    )


class AudioQuery(Query):
    stream: bool = Field(
        False, description="Send the audio itself, while it is being made if need be."
    )


class AudioOut(BaseModel):
    url: str = Field(description="Anyone who has it may fetch the audio until it expires.")
    expires_at: datetime = Field(examples=[EXAMPLE_TIME])
    content_type: str = Field(examples=["audio/wav"])
    bytes: int = Field(examples=[134_444])
    seconds: float = Field(description="Length of the audio.", examples=[2.8])


class ClipErrorOut(BaseModel):
    code: str = Field(examples=["worker_lost"])
    message: str


class ClipOut(BaseModel):
    id: str = Field(examples=[EXAMPLE_ID])
    service: str = Field(examples=["styletts2"])
    state: ClipState
    text: str | None
    voice: str | None = Field(examples=["af_heart"])
    original_voice_s3_key: str | None = Field(description="The recording that was converted.")
    options: dict[str, Any] = Field(
        description="What else the service was asked for.", examples=[{"speed": 1.0}]
    )
    format: str = Field(examples=["wav"])
    sample_rate: int | None = Field(description="In Hz; null is the model's own.")
    seed: int = Field(examples=[7])
    credits: int = Field(description="Held while pending, taken on success.", examples=[50])
    created_at: datetime = Field(examples=[EXAMPLE_TIME])
    start_at: datetime = Field(
        description="The clip is not started before this time.", examples=[EXAMPLE_TIME]
    )
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int = Field(examples=[1])
    s3_key: str | None
    audio: AudioOut | None = Field(description="Present when the clip succeeded.")
    error: ClipErrorOut | None = Field(description="Present when the clip failed.")
    timings: dict[str, Any] | None = Field(
        description="Seconds, in all and for each stage: waited and computed.",
        examples=[
            {
                "segments": 1,
                "first_audio_seconds": 1.6,
                "total_seconds": 1.7,
                "stages": {"vocoder": {"queued": 0.01, "seconds": 1.13}},
            }
        ],
    )
