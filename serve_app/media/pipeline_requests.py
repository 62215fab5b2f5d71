"""From the row of a clip to the request for its pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.audio.recording import Recording
from pipelines.protocol import Pronunciation, Request, SpeechRequest, Turn
from pipelines.requests.conversion import ConversionRequest
from pipelines.requests.sound import SoundRequest
from pipelines.requests.speech import StyledRequest
from serve_app.db.models import Clip

PRONUNCIATIONS, TURNS = "pronunciations", "turns"
"""Options of speech that only some clips have."""
SOURCE, REFERENCE = "source", "reference"
"""Roles of the recordings that a clip may be made from: what is converted, and the voice."""


def recordings_of(clip: Clip) -> dict[str, str]:
    """The locations of the recordings that a clip is made from, by role: the object key of the
    source, and for the voice what `voices.reference` returned."""
    locations = {SOURCE: clip.original_voice_s3_key, REFERENCE: clip.options.get(REFERENCE)}
    return {role: location for role, location in locations.items() if location is not None}


def request_of(clip: Clip, recordings: Mapping[str, Recording]) -> Request:
    """The pipeline request of a clip. Raises KeyError for an unknown service."""
    makers = {"styletts2": _speech, "seedvc": _conversion, "make-an-audio": _sound}
    return makers[clip.service](clip, clip.options, recordings)


def _speech(
    clip: Clip, options: dict[str, Any], recordings: Mapping[str, Recording]
) -> SpeechRequest:
    text, voice = clip.text or "", clip.voice or ""
    speed, seed = options["speed"], options["seed"]
    literal = options.get("literal", False)
    given = tuple(Pronunciation(**each) for each in options.get(PRONUNCIATIONS, ()))
    turns = tuple(Turn(**each) for each in options.get(TURNS, ()))
    if REFERENCE in recordings:
        reference = recordings[REFERENCE]
        return StyledRequest(text, voice, speed, seed, literal, given, reference=reference)
    return SpeechRequest(text, voice, speed, seed, literal, given, turns)


def _conversion(
    clip: Clip, options: dict[str, Any], recordings: Mapping[str, Recording]
) -> ConversionRequest:
    return ConversionRequest(
        source=recordings[SOURCE],
        reference=recordings.get(REFERENCE),
        steps=options["steps"],
        guidance=options["guidance"],
        length_adjust=options["length_adjust"],
        match_pitch=options["match_pitch"],
        semitones=options["semitones"],
        seed=options["seed"],
        voice=clip.voice or "",
    )


def _sound(
    clip: Clip, options: dict[str, Any], _recordings: Mapping[str, Recording]
) -> SoundRequest:
    return SoundRequest(
        prompt=clip.text or "",
        seconds=options["duration"],
        steps=options["steps"],
        guidance=options["guidance"],
        seed=options["seed"],
    )
