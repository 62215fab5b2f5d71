"""Requests and responses of the routes of clips and of the list of services."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from serve_app.db.models import ClipState
from serve_app.field_rules import MOMENT, between, length, matching
from serve_app.http.schemas.common import EXAMPLE_ID, EXAMPLE_TIME, PageQuery, Query

ServiceName = Literal["styletts2", "seedvc", "make-an-audio"]

IDEMPOTENCY_KEY = matching("[!-~]{1,200}", "must have 1 to 200 visible ASCII characters")
IdempotencyKey = Annotated[str, IDEMPOTENCY_KEY]


class ServiceOut(BaseModel):
    name: ServiceName = Field(
        description="The service in clips and queries. It is named after the first model that ran "
        "it and stays, whatever `pipeline` runs it now."
    )
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
    own_voices: bool = Field(description="Whether that model speaks with voices of your own.")
    ignored: list[str] = Field(
        description="Options without effect on that model.", examples=[["steps", "guidance"]]
    )


class ClipsQuery(PageQuery):
    service: ServiceName | None = None
    state: list[ClipState] = Field([], description="One of these; repeat it for several.")
    q: (
        Annotated[
            str, length(1, 200), matching(r"[^\u0000-\u001f]*", "must have no control characters")
        ]
        | None
    ) = Field(None, description="Text that the clip's text contains, in any case.")
    since: Annotated[str, MOMENT] | None = Field(
        None, description="Submitted at this time or later.", examples=[EXAMPLE_TIME]
    )
    until: Annotated[str, MOMENT] | None = Field(
        None, description="Submitted before this time.", examples=[EXAMPLE_TIME]
    )


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


class PeaksOut(BaseModel):
    seconds: float = Field(description="Length of the audio.", examples=[2.8])
    pairs: int = Field(examples=[1_000])
    peaks: str = Field(
        description="Base64 of signed bytes: for each of the equal parts of the audio its lowest "
        "and highest sample, of which 127 is full scale."
    )


class WordOut(BaseModel):
    text: str = Field(description="As it is written.", examples=["$5"])
    begin: int = Field(description="Its first character in the text.", examples=[10])
    end: int = Field(description="The character after its last.", examples=[12])
    said: str = Field(description="As it is said.", examples=["five dollars"])
    start: float = Field(description="Seconds from the start of the clip.", examples=[0.325])
    stop: float = Field(examples=[0.9])


class WordsOut(BaseModel):
    seconds: float = Field(description="Length of the audio.", examples=[2.8])
    words: list[WordOut]


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
    note: str | None = Field(
        description="What to know of how the request was understood; for a sound effect, that no "
        "kind of sound is near the description.",
        examples=[None],
    )
    sounds: list[str] | None = Field(
        description="The kinds of sound that the description was understood as, by the models "
        "that have kinds.",
        examples=[None],
    )
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
