"""What can be tried."""

from __future__ import annotations

from typing import Any

from tests.fuzz import recordings, texts
from tests.fuzz.running import Target

TARGETS: dict[str, Target[Any]] = {
    "recordings": Target(
        "recordings", recordings.make, recordings.outcome, recordings.MOST_SECONDS
    ),
    "texts": Target("texts", texts.make, texts.outcome, texts.MOST_SECONDS),
    "published": Target("published", texts.make, texts.published_outcome, texts.MOST_SECONDS),
}
