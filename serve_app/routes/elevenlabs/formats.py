"""Output formats, by name: codec, sample rate and bit rate."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import Request

from serve_app.errors import invalid
from serve_app.http.schemas.common import for_header

DEFAULT = "mp3_44100_128"
_PCM_RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)

STREAMS: dict[str, tuple[str, int]] = {
    "mp3_22050_32": ("mp3_32", 22050),
    "mp3_24000_48": ("mp3_48", 24000),
    **{f"mp3_44100_{kbits}": (f"mp3_{kbits}", 44100) for kbits in (32, 64, 96, 128, 192)},
    **{f"opus_48000_{kbits}": (f"opus_{kbits}", 48000) for kbits in (32, 64, 96, 128, 192)},
    **{f"pcm_{rate}": ("pcm", rate) for rate in _PCM_RATES},
    "ulaw_8000": ("ulaw", 8000),
    "alaw_8000": ("alaw", 8000),
}
"""Encoding and sample rate [Hz] of what may be sent while it is made."""
FILES = STREAMS | {f"wav_{rate}": ("wav", rate) for rate in _PCM_RATES}
"""The same of what is sent when it is complete."""


def unknown_parameters(request: Request, known: Collection[str]) -> list[str]:
    """The names of parameters of the address that have no effect."""
    return for_header(set(request.query_params) - set(known))


def encoding(name: str, live: bool) -> tuple[str, int]:
    """Encoding and sample rate [Hz] of an output format. Raises ApiError 422 `output_format`."""
    known = STREAMS if live else FILES
    if name not in known:
        message = f"output_format must be one of {', '.join(known)}."
        raise invalid("output_format", message)
    return known[name]
