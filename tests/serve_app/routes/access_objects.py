"""One object of each kind that paths name, and requests for them."""

from __future__ import annotations

from typing import Any

from serve_app.db.models import Batch
from serve_app.ids import new_id
from serve_app.routes.studio import studio_files
from tests.serve_app.api_harness import Api, Headers
from tests.serve_app.recordings import send, speech
from tests.serve_app.routes.access_table import UNKNOWN_ID, Route


def add_batch(api: Api, user_id: str) -> str:
    """The id of a batch without lines, that has ended."""
    counts = dict.fromkeys(("total", "waiting", "line_credits", "price", "held"), 0)
    batch = Batch(
        id=new_id(),
        user_id=user_id,
        manifest="s3://api/lines.jsonl",
        manifest_sha256="0" * 64,
        output="s3://api/out/",
        created_at=api.now,
        finished_at=api.now,
        **counts,
    )
    with api.database.transaction() as session:
        session.add(batch)
    return batch.id


def ids(api: Api, session: Headers) -> dict[str, str]:
    """One object of each kind."""
    upload = send(api, session, speech())
    user_id = api.client.get("/api/me", headers=session).json()["id"]
    voice = {"name": "first", "upload": upload["id"]}
    sessions = api.client.get("/api/sessions", headers=session).json()["items"]
    return {
        "clip_id": api.speak(session)["id"],
        "key_id": api.create_key(session)["id"],
        "upload_id": upload["id"],
        "voice_id": api.client.post("/api/voices", headers=session, json=voice).json()["id"],
        "batch_id": add_batch(api, user_id),
        "file_id": send(api, session, b"{}\n", "application/x-ndjson")["id"],
        "model_id": "no-such-model",
        "item_id": UNKNOWN_ID,
        "dictionary_id": UNKNOWN_ID,
        "version_id": UNKNOWN_ID,
        "sample_id": UNKNOWN_ID,
        "voice": "af_heart",
        "version": studio_files().version,
        "folder": "pages",
        "name": "speech.js",
        "session_id": next(each["id"] for each in sessions if each["current"]),
    }


def ask(api: Api, route: Route, known: dict[str, str], headers: Headers) -> Any:
    body = route.body and {
        name: value.format(**known) if isinstance(value, str) else value
        for name, value in route.body.items()
    }
    path = route.path.format(**known)
    return api.client.request(route.method, path, json=body, headers=headers)
