"""Requests and responses of the routes of accounts, sessions, keys and credits."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from serve_app.accounts.credentials import ALL_SCOPES, STUDIO, Client, Scope
from serve_app.db.models import ApiKey, LedgerEntry, SignInSession, User
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
from serve_app.http.schemas.common import EXAMPLE_ID, EXAMPLE_TIME, Body, moment, moment_or_none

Email = Annotated[str, EMAIL_LENGTH, EMAIL_SHAPE]
ClientField = Annotated[
    Client,
    Field(
        description="`studio` is for pages in a browser: it lasts 12 hours, and ends after "
        "an hour without a request."
    ),
]


class SignUp(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "ada@example.com", "password": "analytical engine"}]
        }
    )

    email: Email
    password: Annotated[str, PASSWORD_LENGTH]
    client: ClientField = "api"


class SignIn(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"email": "ada@example.com", "password": "analytical engine"}]
        }
    )

    email: Email
    password: Annotated[str, length(1, 200)]
    client: ClientField = "api"


class RedeemLink(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"link": "bl_5Zk0"}]})

    link: Annotated[str, length(1, 200)] = Field(description="The token of a sign-in link.")


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
    client: Client
    last_used_at: datetime | None = Field(description="Of a session of the studio.")
    current: bool = Field(description="Whether it is the one that asks.")

    @classmethod
    def of(cls, opened: SignInSession, current: bool) -> SessionOut:
        return cls(
            id=opened.id,
            created_at=moment(opened.created_at),
            expires_at=moment(opened.expires_at),
            client="studio" if opened.kind == STUDIO else "api",
            last_used_at=moment_or_none(opened.last_used_at),
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
