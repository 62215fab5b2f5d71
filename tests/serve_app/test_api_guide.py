"""Runs the curl commands of docs/api.md, in order, against the application."""

from __future__ import annotations

import re
import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path
from string import Template

import httpx

from serve_app import queue
from serve_app.jobs import key_of
from serve_app.queue import QueueRules
from tests.serve_app.api_harness import Api
from tests.serve_app.recordings import SPEECH

GUIDE = Path(__file__).parents[2] / "docs" / "api.md"

curl = ArgumentParser("curl")
curl.add_argument("-L", action="store_true")
curl.add_argument("-N", action="store_true")
curl.add_argument("-o")
curl.add_argument("-X", dest="method")
curl.add_argument("-H", dest="headers", action="append", default=[])
curl.add_argument("--json")
curl.add_argument("-T", dest="file")
curl.add_argument("url")


def run(api: Api, given: Namespace) -> dict[str, object]:
    headers = dict(header.split(": ", 1) for header in given.headers)
    if given.json is not None:
        headers["Content-Type"] = "application/json"
    if given.file is not None:
        # It goes to the object store, past the application.
        sent = httpx.put(given.url, content=Path(given.file).read_bytes(), headers=headers)
        assert sent.is_success, (given.url, sent.text)
        return {}
    method = given.method or ("GET" if given.json is None else "POST")
    answer = api.client.request(method, given.url, content=given.json, headers=headers)
    assert answer.is_success, (given.url, answer.text)
    is_json = answer.headers.get("Content-Type") == "application/json"
    return dict(answer.json()) if is_json else {}


def make_audio(api: Api) -> None:
    """Have the next clip succeed, as a worker would."""
    with api.database.transaction() as session:
        claim = queue.claim(session, QueueRules.of(api.settings), api.now)
        assert claim is not None
        key = key_of(claim.clip)
        api.store.put(key, b"sound", "audio/wav")
        queue.succeed(session, claim.clip.id, claim.token, key, 5, 1.0, {}, api.now)


def test_every_command_works(sqlite_api: Api) -> None:
    commands = re.findall(r"^curl (.*)$", GUIDE.read_text(), re.MULTILINE)
    assert len(commands) > 10
    names = {"BERNIE": "", "FILE": str(SPEECH), "BYTES": str(SPEECH.stat().st_size)}
    for command in commands:
        if "/audio" in command:
            make_audio(sqlite_api)
        filled = Template(command).substitute(names)
        got = run(sqlite_api, curl.parse_args(shlex.split(filled)))
        if "token" in got:
            names["TOKEN"] = str(got["token"])
        if "key" in got:
            names["KEY_ID"] = str(got["id"])
        if "method" in got:
            names |= {"UPLOAD_ID": str(got["id"]), "UPLOAD_URL": str(got["url"])}
        if got.get("kind") == "own":
            names["VOICE_ID"] = str(got["id"])
        if "start_at" in got:
            names["CLIP_ID"] = str(got["id"])


def test_every_error_code_is_in_the_guide() -> None:
    guide = GUIDE.read_text()
    source = Path(__file__).parents[2] / "serve_app"
    status_and_code = re.compile(
        r"(?:ServiceError|error_response)\(\s*\d{3},\s*\"(\w+)\"|\d{3}: \(\"(\w+)\","
    )
    codes = {
        first or second
        for file in source.rglob("*.py")
        for first, second in status_and_code.findall(file.read_text())
    }
    assert {"malformed_json", "invalid_credentials", "idempotency_conflict"} <= codes
    assert {code for code in codes if f"`{code}`" not in guide} == set()
