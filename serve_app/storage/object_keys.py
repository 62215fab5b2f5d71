"""The keys of the objects in the store: each begins with a prefix and names what it belongs to."""

from __future__ import annotations

import re

from pipelines.audio.containers import ENCODINGS
from serve_app.db.models import Clip

RESULT_PREFIXES = {
    "styletts2": "styletts2-output/",
    "seedvc": "seedvc-outputs/",
    "make-an-audio": "make-an-audio-outputs/",
}


def result_key(clip: Clip) -> str:
    """The key of a clip's result. Every attempt at the clip writes to the same key."""
    return result_key_of(clip.service, clip.id, clip.options["format"])


def result_key_of(service: str, clip_id: str, format_name: str) -> str:
    """The same from single columns. Raises KeyError for an unknown service or format."""
    return f"{RESULT_PREFIXES[service]}{clip_id}.{ENCODINGS[format_name].extension}"


def id_in(key: str) -> str:
    """The id of the clip, upload or voice that a key under one of our prefixes names."""
    return re.split("[/.]", key)[1]
