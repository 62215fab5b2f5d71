"""What a clip's row says to the pipeline that makes it."""

from __future__ import annotations

from pipelines.protocol import Request, SpeechRequest
from serve_app.db.models import Clip


def request_of(clip: Clip) -> Request:
    """The pipeline request of a clip. Raises ValueError for a service that is not known."""
    if clip.service == "styletts2":
        return SpeechRequest(
            text=clip.text or "",
            voice=clip.voice or "",
            speed=clip.options["speed"],
            seed=clip.options["seed"],
        )
    raise ValueError(f"no pipeline is known for the service {clip.service!r}")
