"""Requests and responses of the routes of uploads and voices."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipelines.voices.shipped_voices import Voice as ShippedVoice
from serve_app.db.models import RecordingUpload, Voice
from serve_app.field_rules import length
from serve_app.http.schemas.common import EXAMPLE_ID, EXAMPLE_TIME, Body, moment


class NewUpload(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"content_type": "audio/wav", "bytes": 240_044}]}
    )

    content_type: Annotated[str, length(1, 100)] = Field(
        description="Of a sound file that is read: `audio/wav`, `audio/mpeg`, `audio/mp4` and more."
    )
    bytes: int = Field(
        json_schema_extra={"minimum": 1},
        description="Size of the file: up to 50 MiB unless the server is set otherwise.",
    )


class UploadOut(BaseModel):
    id: str = Field(examples=[EXAMPLE_ID])
    key: str = Field(
        description="Where it lies in the object store.",
        examples=[f"seed-vc-audio-uploads/{EXAMPLE_ID}.wav"],
    )
    content_type: str = Field(examples=["audio/wav"])
    bytes: int = Field(description="The size that was declared.", examples=[240_044])
    seconds: float | None = Field(description="Length of the recording, once it has been read.")
    created_at: datetime = Field(examples=[EXAMPLE_TIME])

    @classmethod
    def of(cls, upload: RecordingUpload) -> UploadOut:
        return cls(
            id=upload.id,
            key=upload.s3_key,
            content_type=upload.content_type,
            bytes=upload.bytes,
            seconds=upload.seconds,
            created_at=moment(upload.created_at),
        )


class CreatedUploadOut(BaseModel):
    id: str = Field(examples=[EXAMPLE_ID])
    key: str = Field(
        description="What the server calls the file, whatever its name is.",
        examples=[f"seed-vc-audio-uploads/{EXAMPLE_ID}.wav"],
    )
    url: str = Field(description="Where to send the file: just as many bytes, of just that type.")
    method: Literal["PUT"] = "PUT"
    headers: dict[str, str] = Field(
        description="To be sent with the file.", examples=[{"Content-Type": "audio/wav"}]
    )
    expires_at: datetime = Field(
        description="When the URL ends to be valid.", examples=[EXAMPLE_TIME]
    )


class NewVoice(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "my voice", "upload": EXAMPLE_ID}]}
    )

    name: Annotated[str, length(1, 100)] = Field(
        description="What to call it: no control characters, no `:` or `+`, and no name of a voice "
        "that ships."
    )
    upload: Annotated[str, length(1, 300)] = Field(
        description="Id or key of an upload: 1 to 30 seconds of one person speaking."
    )


class VoiceName(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "my other voice"}]})

    name: Annotated[str, length(1, 100)] = Field(description="As for a new voice.")


class VoiceOut(BaseModel):
    name: str = Field(examples=["af_heart"])
    kind: Literal["shipped", "own"]
    id: str | None = Field(description="Of a voice of one's own.")
    language: str | None = Field(description="Of a shipped voice.", examples=["en-us"])
    gender: str | None = Field(description="Of a shipped voice.", examples=["female"])
    aliases: list[str] = Field(description="Other names of this voice.", examples=[["woman"]])
    seconds: float | None = Field(description="Length of the recording it was made from.")
    created_at: datetime | None

    @classmethod
    def of_shipped(cls, voice: ShippedVoice) -> VoiceOut:
        return cls(
            name=voice.name,
            kind="shipped",
            id=None,
            language=voice.language,
            gender=voice.gender,
            aliases=list(voice.aliases),
            seconds=None,
            created_at=None,
        )

    @classmethod
    def of_own(cls, voice: Voice) -> VoiceOut:
        return cls(
            name=voice.name,
            kind="own",
            id=voice.id,
            language=None,
            gender=None,
            aliases=[],
            seconds=voice.seconds,
            created_at=moment(voice.created_at),
        )
