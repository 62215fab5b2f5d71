"""Every route: what it needs, and what it answers to a permitted request."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from serve_app.routes.elevenlabs.unbuilt import UNBUILT
from tests.serve_app.api_harness import EMAIL, PASSWORD, SENTENCE

UNKNOWN_ID = "0" * 32

Need = Literal["nothing", "read", "generate", "session"]
"""What a route takes: no credentials, a scope of a key, or a session."""


class Route(NamedTuple):
    needs: Need
    method: str
    path: str
    status: int
    """The status of a permitted request."""
    body: dict[str, Any] | None = None


SIGN_UP = {"email": "new@example.com", "password": PASSWORD}
SIGN_IN = {"email": EMAIL, "password": PASSWORD}
CONVERSION = {"upload": "{upload_id}", "voice": "af_heart"}
ROUTES = [
    Route("nothing", "GET", "/openapi.json", 200),
    Route("nothing", "POST", "/api/sign-up", 201, SIGN_UP),
    Route("nothing", "POST", "/api/sign-in", 200, SIGN_IN),
    Route("nothing", "POST", "/api/sign-in/link", 403, {"link": "bl_"}),
    Route("nothing", "GET", "/", 200),
    Route("nothing", "GET", "/studio", 200),
    Route("nothing", "GET", "/studio/", 200),
    Route("nothing", "GET", "/studio/{version}/{name}", 404),
    Route("nothing", "GET", "/studio/{version}/{folder}/{name}", 200),
    Route("nothing", "GET", "/healthz", 200),
    Route("nothing", "GET", "/readyz", 200),
    Route("nothing", "GET", "/metrics", 200),
    Route("read", "GET", "/api/me", 200),
    Route("read", "GET", "/api/credits", 200),
    Route("read", "GET", "/api/sessions", 200),
    Route("read", "GET", "/api/keys", 200),
    Route("read", "GET", "/api/services", 200),
    Route("read", "GET", "/api/status", 200),
    Route("read", "GET", "/api/voices", 200),
    Route("read", "GET", "/api/uploads/{upload_id}", 200),
    Route("read", "GET", "/v1/voices", 200),
    Route("read", "GET", "/v2/voices", 200),
    Route("read", "GET", "/v1/voices/settings/default", 200),
    Route("read", "GET", "/v1/voices/{voice_id}", 200),
    Route("read", "GET", "/v1/voices/{voice_id}/settings", 200),
    Route("read", "GET", "/api/clips", 200),
    Route("read", "GET", "/api/clips/{clip_id}", 200),
    Route("read", "GET", "/api/clips/{clip_id}/audio", 409),
    Route("read", "GET", "/api/clips/{clip_id}/peaks", 409),
    Route("read", "GET", "/api/clips/{clip_id}/words", 409),
    Route("read", "GET", "/api/clips/{clip_id}/captions.srt", 409),
    Route("read", "GET", "/api/clips/{clip_id}/captions.vtt", 409),
    Route("read", "GET", "/api/voices/{voice}/sample", 200),
    Route("read", "GET", "/api/batches", 200),
    Route("read", "GET", "/api/batches/{batch_id}", 200),
    Route("read", "GET", "/api/batches/{batch_id}/results", 200),
    Route("read", "GET", "/api/batches/{batch_id}/errors", 200),
    Route("generate", "POST", "/api/batches", 422, {"upload": "{upload_id}"}),
    Route("generate", "DELETE", "/api/batches/{batch_id}", 202),
    # It has ended, so that its events have an end.
    Route("read", "GET", "/api/batches/{batch_id}/events", 200),
    Route("generate", "POST", "/api/uploads", 201, {"content_type": "audio/wav", "bytes": 9}),
    Route("generate", "POST", "/api/voices", 201, {"name": "mine", "upload": "{upload_id}"}),
    Route("generate", "POST", "/api/speech", 202, {"text": SENTENCE, "voice": "af_heart"}),
    Route("generate", "POST", "/api/sound-effects", 202, {"prompt": "A dog barks twice."}),
    Route("generate", "POST", "/api/conversions", 202, CONVERSION),
    Route("generate", "PATCH", "/api/voices/{voice_id}", 200, {"name": "mine too"}),
    Route("generate", "POST", "/v1/text-to-speech/{voice_id}", 422, {"text": ""}),
    *(
        Route("generate", "POST", f"/v1/text-to-speech/{{voice_id}}{end}", 422, {"text": ""})
        for end in ("/stream", "/with-timestamps", "/stream/with-timestamps")
    ),
    Route("generate", "DELETE", "/api/voices/{voice_id}", 204),
    Route("generate", "DELETE", "/api/uploads/{upload_id}", 204),
    Route("generate", "DELETE", "/api/clips/{clip_id}", 204),
    # Cancelled by now, so that its events have an end.
    Route("read", "GET", "/api/clips/{clip_id}/events", 200),
    Route("read", "GET", "/v1/models", 200),
    Route("read", "GET", "/v1/models/{model_id}", 404),
    Route("read", "GET", "/v1/audio/models", 200),
    Route("read", "GET", "/v1/audio/voices", 200),
    # Refused behind the check of credentials: a clip that is made would have to be waited for.
    Route("generate", "POST", "/v1/audio/speech", 400, {"model": "x", "input": "", "voice": "y"}),
    Route("read", "GET", "/v1/files", 200),
    Route("read", "GET", "/v1/files/{file_id}", 200),
    Route("read", "GET", "/v1/files/{file_id}/content", 200),
    Route("read", "GET", "/v1/batches", 200),
    Route("read", "GET", "/v1/batches/{batch_id}", 200),
    Route("generate", "POST", "/v1/batches/{batch_id}/cancel", 400),
    Route("generate", "POST", "/v1/batches", 400, {"input_file_id": ""}),
    Route("generate", "POST", "/v1/files", 415),
    Route("generate", "DELETE", "/v1/files/{file_id}", 200),
    Route("read", "GET", "/v1/voices/{voice_id}/samples/{sample_id}/audio", 404),
    Route("read", "GET", "/v1/history", 200),
    Route("read", "GET", "/v1/history/{item_id}", 404),
    Route("read", "GET", "/v1/history/{item_id}/audio", 404),
    Route("read", "GET", "/v1/user", 200),
    Route("read", "GET", "/v1/user/subscription", 200),
    Route("read", "GET", "/v1/usage/character-stats", 422),
    Route("generate", "POST", "/v1/sound-generation", 422, {"text": ""}),
    *(
        Route("generate", "POST", f"/v1/{name}/{{voice_id}}{end}", 415)
        for name in ("voice-changer", "speech-to-speech")
        for end in ("", "/stream")
    ),
    Route("generate", "POST", "/v1/voices/{voice_id}/settings/edit", 404, {}),
    *(
        Route("generate", "POST", f"/v1/text-to-dialogue{end}", 422, {"inputs": []})
        for end in ("", "/stream", "/with-timestamps", "/stream/with-timestamps")
    ),
    Route("read", "GET", "/v1/pronunciation-dictionaries", 200),
    Route("read", "GET", "/v1/pronunciation-dictionaries/{dictionary_id}", 404),
    Route(
        "read", "GET", "/v1/pronunciation-dictionaries/{dictionary_id}/{version_id}/download", 404
    ),
    Route("generate", "POST", "/v1/pronunciation-dictionaries/add-from-file", 415),
    Route(
        "generate",
        "POST",
        "/v1/pronunciation-dictionaries/add-from-rules",
        422,
        {"name": "", "rules": []},
    ),
    Route("generate", "PATCH", "/v1/pronunciation-dictionaries/{dictionary_id}", 404, {}),
    *(
        Route(
            "generate",
            "POST",
            f"/v1/pronunciation-dictionaries/{{dictionary_id}}/{verb}-rules",
            404,
            {"rules": [], "rule_strings": []},
        )
        for verb in ("set", "add", "remove")
    ),
    Route("generate", "POST", "/v1/voices/add", 415),
    Route("generate", "POST", "/v1/voices/{voice_id}/edit", 415),
    Route("generate", "DELETE", "/v1/voices/{voice_id}", 404),
    Route("generate", "DELETE", "/v1/voices/{voice_id}/samples/{sample_id}", 404),
    Route("generate", "DELETE", "/v1/history/{item_id}", 404),
    Route("generate", "POST", "/v1/history/download", 422, {"history_item_ids": "{item_id}"}),
    *(Route("generate", "POST", f"/v1{path}", 501) for path in UNBUILT),
    Route("session", "POST", "/api/keys", 201, {"name": "laptop"}),
    Route("session", "DELETE", "/api/keys/{key_id}", 204),
    Route("session", "DELETE", "/api/sessions/{session_id}", 204),
    Route("session", "POST", "/api/sign-out", 204),
    Route("session", "DELETE", "/api/sessions", 204),
]
GUARDED = [route for route in ROUTES if route.needs != "nothing"]
