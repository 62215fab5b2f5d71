"""Content types of recordings: names that browsers and programs have for what is read here.

What a file really is, is told from its bytes when it is used (`pipelines.audio.file_kinds`). Of a
video the sound is taken: phones and browsers call recordings of sound alone so too.
"""

from __future__ import annotations

EXTENSIONS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
    "audio/ogg": "ogg",
    "audio/opus": "ogg",
    "application/ogg": "ogg",
    "audio/mp4": "m4a",
    "audio/m4a": "m4a",
    "audio/x-m4a": "m4a",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "audio/aac": "aac",
    "audio/aacp": "aac",
    "audio/x-aac": "aac",
    "audio/webm": "webm",
    "video/webm": "webm",
    "audio/x-matroska": "mka",
    "video/x-matroska": "mkv",
    "audio/3gpp": "3gp",
    "audio/3gpp2": "3g2",
    "video/3gpp": "3gp",
    "video/3gpp2": "3g2",
    "audio/amr": "amr",
    "audio/aiff": "aiff",
    "audio/x-aiff": "aiff",
    "audio/x-caf": "caf",
    "audio/basic": "au",
    "audio/x-w64": "w64",
}
"""The content types that may be declared, each with the ending of its key."""
MANIFESTS = {
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "text/csv": "csv",
    "application/gzip": "jsonl.gz",
}
"""Those of manifests of batches. A gzipped one holds JSON lines."""
UNREADABLE = {"audio/x-ms-wma", "video/x-ms-asf", "audio/midi", "audio/ac3", "audio/vnd.dts"}
"""Sound of kinds that are not read."""
ADVICE = "that of a sound file that is read here, such as audio/wav, audio/mpeg or audio/mp4"


def is_manifest(content_type: str) -> bool:
    """Whether a declared content type is that of a manifest."""
    return content_type.partition(";")[0].strip().lower() in MANIFESTS
