"""Sound effects."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Response

from serve_app.field_rules import between, length
from serve_app.http.new_clips import SOUND, sound_clip
from serve_app.http.schemas.common import ForeignBody
from serve_app.http.schemas.submissions import SoundEffect
from serve_app.http.submission import Submission
from serve_app.http.surface_calls import SurfaceCall, fingerprint
from serve_app.http.surface_names import check_model
from serve_app.media.clips import NewClip
from serve_app.routes.elevenlabs.audio_requests import Asked
from serve_app.routes.elevenlabs.speech import FOREIGN

router = APIRouter(prefix="/v1/sound-generation")

_SECONDS = 5.0
"""Of a sound whose length is left to the server."""
_INFLUENCE, _GUIDANCE = 0.3, 3.0
"""The default of the interface, and that of this server, which it means."""


class SoundBody(ForeignBody):
    text: str
    duration_seconds: Annotated[float, between(0.5, 30)] | None = None
    prompt_influence: Annotated[float, between(0, 1)] | None = None
    loop: bool = False
    model_id: Annotated[str, length(1, 200)] | None = None

    def guidance(self) -> float:
        """Guidance is 1, without effect, at no influence, and that of this server at the
        default; between and beyond them it is a line."""
        influence = _INFLUENCE if self.prompt_influence is None else self.prompt_influence
        return 1 + (_GUIDANCE - 1) * influence / _INFLUENCE


@router.post("")
async def generate(body: SoundBody, asked: Asked) -> Response:
    user, state, request = asked.user, asked.state, asked.http
    name, rate = asked.encoding(live=False)
    wanted = SoundEffect(
        prompt=body.text,
        duration=body.duration_seconds or _SECONDS,
        guidance=body.guidance(),
        sample_rate=rate,
    )
    submission = Submission(state, user, SOUND, wanted, None, name)
    submission.fingerprint = fingerprint(request, await request.body())
    make = partial(_new_clip, submission, body.model_id, wanted)
    ignored = body.unknown()
    ignored += ["loop"] if body.loop else []
    ignored += asked.ignored()
    call = SurfaceCall(state, user, request, submission, state.work.texts, make, False, ignored)
    return await call.audio_response()


def _new_clip(submission: Submission, model_id: str | None, wanted: SoundEffect) -> NewClip:
    check_model(submission.state.settings, SOUND, model_id, FOREIGN)
    return sound_clip(submission, wanted, "text")
