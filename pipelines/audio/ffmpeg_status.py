"""How the program that decodes with FFmpeg ends. Any other status is that of one that was ended."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """Exit statuses, named after `pipelines.audio.readers.Fault`."""

    COMPLETE = 0
    NOT_AUDIO = 3
    UNSUPPORTED = 4
    DAMAGED = 5
    TOO_SLOW = 6
