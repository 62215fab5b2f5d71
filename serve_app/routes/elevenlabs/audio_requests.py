"""What all calls for audio have in common: who asks, and in which format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi import Query as FromQuery

from serve_app.db.models import User
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.routes.elevenlabs.formats import DEFAULT, encoding


@dataclass(frozen=True, slots=True)
class AudioRequest:
    """One HTTP request for audio."""

    user: User
    state: AppState
    http: Request
    output_format: str
    logged: bool

    def encoding(self, live: bool) -> tuple[str, int]:
        """Encoding and sample rate [Hz]. Raises ApiError 422 `output_format`."""
        return encoding(self.output_format, live)

    def ignored(self) -> list[str]:
        """The parameters that have no effect."""
        return [] if self.logged else ["enable_logging"]


def _audio_request(
    user: CurrentUser,
    state: StateDep,
    request: Request,
    output_format: Annotated[str, FromQuery()] = DEFAULT,
    enable_logging: Annotated[bool, FromQuery()] = True,
) -> AudioRequest:
    return AudioRequest(user, state, request, output_format, enable_logging)


Asked = Annotated[AudioRequest, Depends(_audio_request)]
