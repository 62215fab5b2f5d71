"""Requests and responses of the routes of batches."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from serve_app.db.models import BatchState
from serve_app.field_rules import OUT_OF_RANGE, between, length, matching
from serve_app.http.schemas.common import EXAMPLE_ID, EXAMPLE_TIME, Body, Query
from serve_app.http.schemas.submissions import Conversion, SoundEffect, Speech

OWN = frozenset({"text", "prompt", "clip", "upload", "seed"})
"""Fields that lines have each for itself, as a rule: a default may set them, and hardly should."""
DEFAULTS = frozenset({"service"}).union(
    *(body.model_fields for body in (Speech, Conversion, SoundEffect))
)
"""Fields that a batch may set for all of its lines."""
DAY = 24 * 3600


class NewBatch(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "upload": EXAMPLE_ID,
                    "defaults": {"voice": "af_heart", "format": "opus"},
                    "title": "June",
                }
            ]
        }
    )

    upload: Annotated[str, length(1, 300)] = Field(
        description="Id or key of an upload: the manifest, JSON lines or CSV, one line a clip."
    )
    format: Literal["jsonl", "csv"] | None = Field(
        None, description="Of the manifest; left out, what the type of the upload says."
    )
    defaults: dict[str, Any] = Field(
        default_factory=dict,
        description="Fields of every line that does not have them, `service` among them: `speech` "
        "unless it is set, `conversion` or `sound_effects`.",
    )
    title: Annotated[str, length(1, 100), matching(r"[^\x00-\x1f]*", "must be one line")] | None = (
        Field(None, description="What to call it.")
    )
    skip_invalid: bool = Field(
        False, description="Whether the other lines are made where some cannot be used."
    )
    partial: bool = Field(
        False, description="Whether as many of the first lines are made as the credits pay for."
    )
    expires_in_seconds: Annotated[int, between(60, 90 * DAY)] | None = Field(
        None, description="After this time what has not begun is cancelled."
    )

    @field_validator("defaults")
    @classmethod
    def _knows(cls, given: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(given) - DEFAULTS)
        if unknown:
            message = f"must name fields of a line, not {unknown[0][:40]!r}"
            raise PydanticCustomError(OUT_OF_RANGE, "{message}", {"message": message})
        return given


class LinesQuery(Query):
    after: Annotated[int, between(0, 2**31 - 1)] = Field(
        0, description="Only lines behind this number."
    )
    limit: Annotated[int, between(1, 1_000_000)] = Field(
        1_000_000, description="At most so many lines."
    )


class LineCounts(BaseModel):
    """`total` is the sum of the others."""

    total: int = Field(examples=[200])
    waiting: int = Field(description="Not yet clips.")
    pending: int = Field(description="Clips in the queue or under way.")
    succeeded: int
    failed: int
    cancelled: int


class BatchCredits(BaseModel):
    """`price` is the sum of the others."""

    price: int = Field(description="Of all lines, at the time of submission.", examples=[10_000])
    held: int
    charged: int
    released: int


class BatchErrorOut(BaseModel):
    code: str = Field(examples=["invalid_manifest"])
    message: str


class BatchOut(BaseModel):
    id: str = Field(examples=[EXAMPLE_ID])
    state: BatchState
    title: str | None
    created_at: datetime = Field(examples=[EXAMPLE_TIME])
    finished_at: datetime | None
    expires_at: datetime | None
    lines: LineCounts
    settled: int = Field(
        description="The line up to which all have ended, so that their results are there."
    )
    credits: BatchCredits
    audio_seconds: float = Field(description="Of the lines that succeeded.")
    error: BatchErrorOut | None = Field(description="Why it was refused, or ended before its time.")
