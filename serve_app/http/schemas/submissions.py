"""The request bodies that submit clips, by service."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from serve_app.field_rules import between, length
from serve_app.http.schemas.common import Body

AudioFormat = Literal["wav", "mp3", "flac", "opus"]


SPEEDS = (0.25, 4.0)
"""How many times as fast as the voice speaks by itself."""


class ClipOptions(Body):
    """The options of every service."""

    format: AudioFormat = "wav"
    sample_rate: Annotated[int, between(8_000, 48_000)] | None = Field(
        None,
        description="In Hz, one that the format has; left out, the model's own, or the next above "
        "it that the format has.",
    )
    seed: Annotated[int, between(0, 2**32 - 1)] | None = Field(
        None, description="Fixes all chance in the clip; left out, the server draws one."
    )


class Speech(ClipOptions):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "The kettle is on, and the kitchen is warm.", "voice": "af_heart"},
                {
                    "text": "Two voices, one speaker.",
                    "voice": "af_heart:0.7+am_michael:0.3",
                    "speed": 1.1,
                    "format": "mp3",
                    "seed": 7,
                },
            ]
        }
    )

    text: str = Field(
        json_schema_extra={"minLength": 1},
        description="What to say: up to 5,000 characters unless the server is set otherwise, "
        "no control characters but tab and the ends of lines. HTML, SSML (`<break>`, "
        "`<phoneme>`), entities and Markdown are read for what they mean.",
    )
    voice: Annotated[str, length(1, 200)] = Field(
        description="A name or alias of `GET /api/voices`, or a blend such as "
        "`af_heart:0.7+am_michael:0.3`."
    )
    speed: Annotated[float, between(*SPEEDS)] = 1.0
    literal: bool = Field(
        False, description="Read tags, entities and Markdown as they are written."
    )


class Conversion(ClipOptions):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"upload": "0199a3f2c1d47e5b9a0c3d8e6f214b70", "voice": "my voice"},
                {
                    "clip": "0199a3f2c1d47e5b9a0c3d8e6f214b70",
                    "voice": "my voice",
                    "steps": 10,
                    "format": "mp3",
                },
            ]
        }
    )

    upload: Annotated[str, length(1, 300)] | None = Field(
        None, description="Id or key of an upload: the recording to convert."
    )
    clip: Annotated[str, length(1, 32)] | None = Field(
        None, description="Id of a finished clip to convert, instead of an upload."
    )
    voice: Annotated[str, length(1, 200)] = Field(
        description="With `revoice`: a voice that ships, or a blend such as "
        "`af_heart:0.7+am_michael:0.3`. With Seed-VC: a voice of one's own (see "
        "`POST /api/voices`) or one that ships, no blend."
    )
    steps: Annotated[int, between(1, 200)] = Field(
        25,
        description="More take longer and follow the voice more closely. `revoice` has none.",
    )
    guidance: Annotated[float, between(0, 10)] = Field(
        0.7, description="How far to go towards the voice; 0 is fastest. `revoice` has none."
    )
    length_adjust: Annotated[float, between(0.25, 4)] = Field(
        1.0, description="Stretches time: 2 is half as fast. With `revoice` 0.5 to 2."
    )
    match_pitch: bool = Field(
        False,
        description="Move the pitch to the register of the voice: for `seed-vc-f0`. `revoice` "
        "always does.",
    )
    semitones: Annotated[float, between(-48, 48)] = Field(
        0.0,
        description="Transposes, with `seed-vc-f0` and `revoice` (there -12 to 12).",
    )


class SoundEffect(ClipOptions):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prompt": "Rain on a tin roof, thunder far away.", "duration": 8.0},
                {"prompt": "A dog barks twice.", "duration": 2.5, "seed": 7, "format": "flac"},
            ]
        }
    )

    prompt: str = Field(
        json_schema_extra={"minLength": 1},
        description="What is to be heard: up to 500 characters unless the server is set "
        "otherwise; the model reads about the first 75 words.",
    )
    duration: Annotated[float, between(0.5, 30)] = Field(10.0, description="Seconds.")
    steps: Annotated[int, between(1, 500)] = Field(
        100, description="Steps of the sampler, such as 10, 25, 50, 100 or 200."
    )
    guidance: Annotated[float, between(1, 20)] = Field(
        3.0, description="How closely to follow the prompt; 1 is fastest."
    )
